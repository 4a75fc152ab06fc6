"""Calls every operation of a sync once in each scope, with pages of one item, to see whether it is permitted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import botocore.exceptions as aws

from pipeline.extract import clock
from pipeline.extract.clients import Client
from pipeline.extract.failures import bad_answer, code_of, explain, is_throttle, is_transient
from pipeline.extract.resources import projects_on
from pipeline.extract.targets import Target
from pipeline.model.finding import Finding, Level, ok, parted
from pipeline.model.operations import DEFAULT_DETAILS, OPERATIONS, Operation, Resource
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings

ASSUME_ROLE = "AssumeRole"
THREADS = 16
"""Scopes that are probed side by side."""
FEW = 5
"""Up to this number, each place where all is permitted has a line; more share one."""
_SHARED_KINDS = frozenset({"credentials", "region_not_enabled", "unsupported", "unreachable"})
"""Kinds of failure that every other call of the scope would share."""
_PERMITTED = frozenset({"ResourceNotFoundException", "ResourceNotReadyException"})
"""Answers about what does not exist: AWS checks permissions first."""
_PLACE = re.compile(r"account \w+(, region [\w-]+, \w+)?: ")
"""How the message of a ScopeError begins."""
_ARN = re.compile(r"\barn:[^\s,;)]+")


@dataclass(frozen=True, slots=True)
class Probed:
    """How a call of a scope ended. `kind` is that of the ScopeError, if it failed.

    `ahead` is by how much this machine's clock is ahead of AWS's; None if no answer told.
    """

    scope: Scope
    operation: str
    level: Level = Level.OK
    message: str = ""
    remedy: str = ""
    kind: str = ""
    ahead: timedelta | None = None


def probe_scopes(
    targets: Sequence[Target], client_of: Callable[[Target], Client], settings: AwsSettings
) -> list[Probed]:
    """Probe every scope, side by side; returns what came of it in the order of the targets."""

    def probe(target: Target) -> list[Probed]:
        return list(_probe(target.scope, client_of(target), settings))

    with ThreadPoolExecutor(THREADS) as pool:
        return [probed for results in pool.map(probe, targets) for probed in results]


def _probe(scope: Scope, client: Client, settings: AwsSettings) -> Iterator[Probed]:
    """Call the operations one after the other, as long as they can end differently.

    They are about the first project that is seen and its first dataset; where there is none, about a made-up ARN.
    """
    details = DEFAULT_DETAILS if settings.details is None else settings.details
    project = dataset = ""
    made_up = f"arn:aws:rekognition:{scope.region}:{scope.account_id}:project/reklake-doctor"
    for operation in OPERATIONS.values():
        if operation.detail and operation.detail not in details:
            continue
        if operation.resource is Resource.DATASET:
            arn, is_made_up = dataset or f"{made_up}/dataset/train/1000000000000", not dataset
        else:
            arn, is_made_up = project or f"{made_up}/1000000000000", not project
        try:
            answer = client.call(operation.name, operation.parameters(arn, page_size=1))
            if answer.examined.flaw:
                raise bad_answer(scope, operation.name, answer.examined.flaw)  # noqa: TRY301
            probed = Probed(scope, operation.name, ahead=clock.skew(answer.metadata))
            if operation.resource is Resource.SCOPE:
                project, datasets = next(iter(projects_on(answer.body).items()), ("", []))
                dataset = next(iter(datasets), "")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what the probe is for
            is_optional = bool(operation.detail) and settings.details is None
            probed = _failed(error, scope, operation, client, is_made_up=is_made_up, is_optional=is_optional)
        yield probed
        if probed.kind in _SHARED_KINDS:
            return


def _failed(
    error: Exception, scope: Scope, operation: Operation, client: Client, *, is_made_up: bool, is_optional: bool
) -> Probed:
    """Judge a call that failed. A sync goes on where a detail that `is_optional` is denied."""
    name, code = operation.name, code_of(error)
    ahead = clock.skew(error.response.get("ResponseMetadata", {})) if isinstance(error, aws.ClientError) else None
    is_about_resource = operation.resource is not Resource.SCOPE
    if code in _PERMITTED and is_about_resource:
        return Probed(scope, name, ahead=ahead)
    if isinstance(error, aws.ClientError) and error.operation_name == ASSUME_ROLE:
        name = ASSUME_ROLE
    elif is_throttle(error) or (code and is_transient(error)):
        message = f"{code}: whether it is permitted is not known"
        remedy = "look again in a while; if it stays, find out who else calls there"
        return Probed(scope, name, Level.WARN, message, remedy, "throttled", ahead)
    explained = explain(error, scope, operation.name, is_accepted_elsewhere=client.is_accepted_at_home)
    kind, level = explained.kind, Level.FAIL
    message, remedy = parted(_PLACE.sub("", str(explained), count=1))
    if is_about_resource and is_made_up and kind in {"denied", "service"}:
        message += " (asked about an ARN that is made up, as there was none to see)"
    if is_about_resource and is_made_up and kind == "service":  # the ARN may be refused, which is no permission
        message += ": whether it is permitted is not known"
        level, remedy = Level.WARN, "look again when there is one"
    if is_optional and kind == "denied":
        message += "; a sync goes on without that detail"
        level = Level.WARN
    return Probed(scope, name, level, message, remedy, kind, ahead)


def grouped(results: Sequence[Probed]) -> Iterator[Finding]:
    """Yield the findings of all scopes in few lines: what is alike in many scopes is reported once, with where."""
    planned = list(dict.fromkeys(result.scope for result in results))
    closed = {result.scope for result in results if result.operation == ASSUME_ROLE}
    entered = [scope for scope in planned if scope not in closed]
    operations: dict[Scope, list[str]] = {}
    problems: dict[tuple[str, ...], dict[Scope, Probed]] = {}
    for result in results:
        if result.level is Level.OK:
            operations.setdefault(result.scope, []).append(result.operation)
        else:
            alike = result.operation, str(result.level), _pattern(result)
            problems.setdefault(alike, {})[result.scope] = result
    permitted: dict[str, list[Scope]] = {}
    for scope, names in operations.items():
        permitted.setdefault(", ".join(names), []).append(scope)
    for listed, scopes in permitted.items():
        places = [place for place, _ in _places(scopes, planned)]
        for place in places if len(places) <= FEW else [f"{len(scopes):,} of {len(planned):,} scopes"]:
            yield ok(place, f"permitted: {listed}")
    for (operation, *_), by_scope in problems.items():
        # where a role cannot be assumed nothing is known of permissions: "all" means all others
        is_role = operation == ASSUME_ROLE
        for place, scopes in _places(list(by_scope), planned if is_role else entered):
            first = by_scope[scopes[0]]
            message = first.message if is_role else f"{operation}: {first.message}"
            yield Finding(first.level, place, _of_all(message, scopes), _of_all(first.remedy, scopes))


def _pattern(result: Probed) -> str:
    """Return a result's text without the names that differ from scope to scope."""
    text = _ARN.sub("#", f"{result.message} {result.remedy}")
    return text.replace(result.scope.account_id, "#").replace(result.scope.region, "#")


def _of_all(text: str, scopes: Sequence[Scope]) -> str:
    """Return the first scope's text as that of all: without an account or region that is only its own."""
    if len({scope.account_id for scope in scopes}) > 1:
        text = text.replace(scopes[0].account_id, "<account>")
    if len({scope.region for scope in scopes}) > 1:
        text = text.replace(scopes[0].region, "<region>")
    return text


def _places(scopes: Sequence[Scope], among: Sequence[Scope]) -> Iterator[tuple[str, list[Scope]]]:
    """Name where the scopes are, with as few names as possible: everywhere, in whole regions, in accounts."""
    in_region, in_account = Counter(scope.region for scope in among), Counter(scope.account_id for scope in among)
    if len(scopes) == len(among) and len(in_region) > 1 and len(in_account) > 1:
        yield f"all {len(among):,} scopes", list(scopes)
        return
    counts = Counter(scope.region for scope in scopes)
    whole = [region for region, count in counts.items() if count == in_region[region] > 1]
    for region in whole:
        yield f"{region}, all {counts[region]:,} accounts", [scope for scope in scopes if scope.region == region]
    by_account: dict[str, list[Scope]] = {}
    for scope in scopes:
        if scope.region not in whole:
            by_account.setdefault(scope.account_id, []).append(scope)
    for account, within in by_account.items():
        if len(within) == 1:
            yield str(within[0]), within
        elif len(within) == in_account[account]:
            yield f"{account}, all {len(within):,} regions", within
        else:
            yield f"{account}, {', '.join(scope.region for scope in within)}", within

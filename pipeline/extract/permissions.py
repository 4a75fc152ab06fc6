"""What may be called in each scope: every operation that a sync calls there, tried once, cheaply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import botocore.exceptions as aws

from pipeline.extract import clock
from pipeline.extract.clients import Client
from pipeline.extract.failures import bad_answer, code_of, explain, is_passing, is_throttle
from pipeline.extract.request import Request
from pipeline.extract.resources import projects_on
from pipeline.extract.response import BODY, PAGE
from pipeline.extract.targets import Target
from pipeline.model.finding import Level, parted
from pipeline.model.operations import (
    DEFAULT_DETAILS,
    DESCRIBE_DATASET,
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    DETAILS,
    LIST_PROJECT_POLICIES,
    LIST_TAGS_FOR_RESOURCE,
)
from pipeline.model.page import RawPage, Scope
from pipeline.settings import AwsSettings

ASSUME_ROLE = "AssumeRole"
THREADS = 16
"""Scopes that are tried side by side."""
_ALIKE = frozenset({"credentials", "region_not_enabled", "unsupported", "unreachable"})
"""Kinds of failure that every other call of the scope would share."""
_PERMITTED = frozenset({"ResourceNotFoundException", "ResourceNotReadyException"})
"""Answers about what is not there: AWS looks at permissions first."""
_MADE_UP = "arn:{partition}:rekognition:{region}:{account}:project/reklake-doctor/1000000000000"


@dataclass(frozen=True, slots=True)
class Tried:
    """How one call of one scope went; `ahead` is by how much the clock is, if the answer told."""

    scope: Scope
    operation: str
    level: Level = Level.OK
    message: str = ""
    mend: str = ""
    kind: str = ""
    ahead: timedelta | None = None


def try_scopes(
    targets: Sequence[Target],
    client_of: Callable[[Target], Client],
    partition_of: Callable[[Target], str],
    settings: AwsSettings,
) -> list[Tried]:
    """Try every scope, side by side; in the order of the targets."""
    tries = [_Try(one, client_of(one), partition_of(one), settings) for one in targets]
    with ThreadPoolExecutor(min(THREADS, max(1, len(tries)))) as pool:
        return [tried for found in pool.map(lambda one: list(one.calls()), tries) for tried in found]


class _Try:
    """One scope that is tried."""

    def __init__(self, target: Target, client: Client, partition: str, settings: AwsSettings) -> None:
        self._scope = target.scope
        self._client = client
        self._partition = partition
        self._details = DEFAULT_DETAILS if settings.details is None else settings.details
        self._is_by_name = settings.details is not None
        self._seen: tuple[str, list[str]] | None = None

    def calls(self) -> Iterator[Tried]:
        """Make the calls, one after the other, as long as they can end differently."""
        first = self._call(Request(DESCRIBE_PROJECTS))
        yield first
        if first.kind in _ALIKE:
            return
        for request in self._rest():
            yield self._call(request)

    def _rest(self) -> Iterable[Request]:
        """Ask about what was seen, or about what cannot be there."""
        scope = self._scope
        made_up = _MADE_UP.format(partition=self._partition, region=scope.region, account=scope.account_id)
        project, datasets = self._seen or (made_up, [])
        dataset = datasets[0] if datasets else f"{project.rsplit('/', 1)[0]}/dataset/train/1000000000000"
        about = {DESCRIBE_DATASET: dataset, LIST_TAGS_FOR_RESOURCE: project, LIST_PROJECT_POLICIES: project}
        yield Request(DESCRIBE_PROJECT_VERSIONS, project)
        for detail in self._details:
            yield Request(DETAILS[detail], project, resource_arn=about[DETAILS[detail]])

    def _is_made_up(self, request: Request) -> bool:
        project, datasets = self._seen or ("", [])
        asked = request.resource_arn or request.project_arn
        return bool(asked) and asked not in {project, *datasets}

    def _call(self, request: Request) -> Tried:
        parameters = request.parameters
        if "MaxResults" in parameters:
            parameters["MaxResults"] = 1
        try:
            answer = self._client.call(request.operation, parameters)
            ahead = clock.skew(answer["ResponseMetadata"])
            if flaw := answer[PAGE].flaw:
                return self._failed(request, bad_answer(self._scope, request.operation, flaw))
            if request.operation == DESCRIBE_PROJECTS:
                self._seen = next(projects_on(_page(request, answer)), None)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what was looked for
            return self._failed(request, error)
        return Tried(self._scope, request.operation, ahead=ahead)

    def _failed(self, request: Request, error: Exception) -> Tried:
        scope, operation = self._scope, request.operation
        metadata = error.response.get("ResponseMetadata", {}) if isinstance(error, aws.ClientError) else {}
        ahead = clock.skew(metadata)
        if code_of(error) in _PERMITTED and operation != DESCRIBE_PROJECTS:
            return Tried(scope, operation, ahead=ahead)
        if isinstance(error, aws.ClientError) and error.operation_name == ASSUME_ROLE:
            operation = ASSUME_ROLE
        elif is_throttle(error) or (isinstance(error, aws.ClientError) and is_passing(error)):
            said = f"{code_of(error)}: whether it is permitted is not known"
            mend = "look again in a while; if it stays, find out who else calls there"
            return Tried(scope, operation, Level.WARN, said, mend, "passing", ahead)
        found = explain(error, scope, request.operation, is_accepted_elsewhere=self._client.is_accepted_at_home)
        message, mend = parted(_without_place(str(found), scope, request.operation))
        if found.kind in {"denied", "service"} and self._is_made_up(request):
            message += " (asked about an ARN that is made up, as there was none to see)"
            if found.kind == "service":  # it may dislike the ARN, which says nothing of permissions
                said = f"{message}: whether it is permitted is not known"
                return Tried(scope, operation, Level.WARN, said, "look again when there is one", found.kind, ahead)
        is_needed = operation not in DETAILS.values() or self._is_by_name or found.kind != "denied"
        if not is_needed:
            message += "; a sync goes on without that detail"
        return Tried(scope, operation, Level.FAIL if is_needed else Level.WARN, message, mend, found.kind, ahead)


def _page(request: Request, answer: Mapping[str, Any]) -> RawPage:
    return RawPage(request.operation, "", 1, 1, 200, clock.now(), "", answer[BODY])


def _without_place(text: str, scope: Scope, doing: str) -> str:
    account = f"account {scope.account_id}"
    return text.removeprefix(f"{account}, region {scope.region}, {doing}: ").removeprefix(f"{account}: ")

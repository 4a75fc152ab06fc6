"""Probe what may be called in each scope: every operation that a sync calls there, once, with small pages."""

from __future__ import annotations

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
from pipeline.model.finding import Level, parted
from pipeline.model.operations import (
    DEFAULT_DETAILS,
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    OPERATIONS,
    Operation,
    Resource,
    detail_operation,
)
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings

ASSUME_ROLE = "AssumeRole"
THREADS = 16
"""Scopes that are probed side by side."""
_SHARED_KINDS = frozenset({"credentials", "region_not_enabled", "unsupported", "unreachable"})
"""Kinds of failure that every other call of the scope would share."""
_PERMITTED = frozenset({"ResourceNotFoundException", "ResourceNotReadyException"})
"""Answers about what does not exist: AWS checks permissions first."""
_MADE_UP = "arn:{partition}:rekognition:{region}:{account}:project/reklake-doctor/1000000000000"


@dataclass(frozen=True, slots=True)
class Probed:
    """How one call of one scope ended.

    `kind` is that of the ScopeError if it failed; `ahead` is by how much this machine's clock is ahead, if the answer
    has a date.
    """

    scope: Scope
    operation: str
    level: Level = Level.OK
    message: str = ""
    remedy: str = ""
    kind: str = ""
    ahead: timedelta | None = None


def probe_scopes(
    targets: Sequence[Target],
    client_of: Callable[[Target], Client],
    partition_of: Callable[[Target], str],
    settings: AwsSettings,
) -> list[Probed]:
    """Probe every scope, side by side; returns what came of it in the order of the targets."""
    probes = [_ScopeProbe(target.scope, client_of(target), partition_of(target), settings) for target in targets]
    with ThreadPoolExecutor(min(THREADS, max(1, len(probes)))) as pool:
        return [probed for results in pool.map(lambda probe: list(probe.calls()), probes) for probed in results]


class _ScopeProbe:
    """The calls that probe one scope."""

    def __init__(self, scope: Scope, client: Client, partition: str, settings: AwsSettings) -> None:
        self._scope = scope
        self._client = client
        self._details = DEFAULT_DETAILS if settings.details is None else settings.details
        self._is_by_name = settings.details is not None
        self._is_made_up = True
        """Whether no project was found, so that a made-up one is asked about."""
        self._project = _MADE_UP.format(partition=partition, region=scope.region, account=scope.account_id)
        self._datasets: list[str] = []

    def calls(self) -> Iterator[Probed]:
        """Make the calls, one after the other, as long as they can end differently."""
        first = self._call(OPERATIONS[DESCRIBE_PROJECTS])
        yield first
        if first.kind in _SHARED_KINDS:
            return
        yield self._call(OPERATIONS[DESCRIBE_PROJECT_VERSIONS])
        for detail in self._details:
            yield self._call(detail_operation(detail))

    def _call(self, operation: Operation) -> Probed:
        try:
            answer = self._client.call(operation.name, operation.parameters(self._arn(operation), page_size=1))
            if flaw := answer.examined.flaw:
                return self._failed(operation, bad_answer(self._scope, operation.name, flaw))
            if operation.resource is Resource.SCOPE:
                for self._project, self._datasets in list(projects_on(answer.body).items())[:1]:
                    self._is_made_up = False
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what the probe is for
            return self._failed(operation, error)
        return Probed(self._scope, operation.name, ahead=clock.skew(answer.metadata))

    def _arn(self, operation: Operation) -> str:
        """Return the resource to call an operation for."""
        if operation.resource is not Resource.DATASET:
            return self._project
        return self._datasets[0] if self._datasets else f"{self._project.rsplit('/', 1)[0]}/dataset/train/1000000000000"

    def _is_about_made_up(self, operation: Operation) -> bool:
        if operation.resource is Resource.DATASET:
            return not self._datasets
        return operation.resource is not Resource.SCOPE and self._is_made_up

    def _failed(self, operation: Operation, error: Exception) -> Probed:
        scope, name = self._scope, operation.name
        metadata = error.response.get("ResponseMetadata", {}) if isinstance(error, aws.ClientError) else {}
        ahead = clock.skew(metadata)
        if code_of(error) in _PERMITTED and operation.resource is not Resource.SCOPE:
            return Probed(scope, name, ahead=ahead)
        if isinstance(error, aws.ClientError) and error.operation_name == ASSUME_ROLE:
            name = ASSUME_ROLE
        elif is_throttle(error) or (isinstance(error, aws.ClientError) and is_transient(error)):
            message = f"{code_of(error)}: whether it is permitted is not known"
            remedy = "look again in a while; if it stays, find out who else calls there"
            return Probed(scope, name, Level.WARN, message, remedy, "passing", ahead)
        explained = explain(error, scope, operation.name, is_accepted_elsewhere=self._client.is_accepted_at_home)
        message, remedy = parted(_without_place(str(explained), scope, operation.name))
        kind = explained.kind
        if kind in {"denied", "service"} and self._is_about_made_up(operation):
            message += " (asked about an ARN that is made up, as there was none to see)"
            if kind == "service":  # the service may refuse the ARN, which says nothing of permissions
                message += ": whether it is permitted is not known"
                return Probed(scope, name, Level.WARN, message, "look again when there is one", kind, ahead)
        is_needed = not operation.detail or name == ASSUME_ROLE or self._is_by_name or kind != "denied"
        if not is_needed:
            message += "; a sync goes on without that detail"
        return Probed(scope, name, Level.FAIL if is_needed else Level.WARN, message, remedy, kind, ahead)


def _without_place(text: str, scope: Scope, doing: str) -> str:
    account = f"account {scope.account_id}"
    return text.removeprefix(f"{account}, region {scope.region}, {doing}: ").removeprefix(f"{account}: ")

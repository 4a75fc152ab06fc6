"""The record of a run: its arguments, how each scope ended, what it cost. One immutable JSON file a run.

`run_log` finds the records of a lake. `run_days` stores the records of a day in one Parquet file.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pipeline.errors import ReklakeError, ScopeError
from pipeline.lake import RUNS, Lake
from pipeline.lake.installed import software
from pipeline.model.page import Scope

SUFFIX = ".json"
CHECKSUM = "checksum"
"""The member of a written record that holds the checksum of the others."""
ID_TIME, ID_TIME_LENGTH = "%Y%m%dT%H%M%SZ", 16


class Outcome(StrEnum):
    """How a run or a scope ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class DetailRecord:
    """How a detail (model.operations.DETAILS) of a scope ended.

    A detail is skipped if it is not permitted and the settings do not name it. A detail that is not complete keeps its
    previous rows.
    """

    detail: str
    outcome: Outcome
    error_kind: str | None = None
    error: str | None = None
    unknown_members: int = 0


@dataclass(slots=True)
class ScopeRecord:
    """How a scope ended.

    `seconds` is the time its listing took. `calls` counts every attempt, and `calls_by_operation` those of each
    operation, because each has a quota of its own.

    `listed_at` is when the last page of the listing arrived that the published rows come from: the instant at which
    the histories change. `resumed_from` is the dead run that made that listing, None if it was this run.
    """

    account_id: str
    region: str
    outcome: Outcome = Outcome.FAILED
    error_kind: str | None = None
    error: str | None = None
    listed_at: str | None = None
    resumed_from: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    calls: int = 0
    calls_by_operation: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    throttles: int = 0
    pages: int = 0
    projects: int = 0
    versions: int = 0
    unknown_members: int = 0
    seconds: float = 0.0
    details: list[DetailRecord] = field(default_factory=list)

    @classmethod
    def of(cls, scope: Scope) -> ScopeRecord:
        """Begin the record of a scope. It counts as failed until it is complete."""
        return cls(scope.account_id, scope.region, started_at=now())

    @property
    def scope(self) -> Scope:
        """The scope that the record is about."""
        return Scope(self.region, self.account_id)

    def fail(self, error: ReklakeError) -> None:
        """Record the error that ended the scope."""
        self.outcome = Outcome.FAILED
        self.error_kind = _kind(error)
        self.error = str(error)

    def detail(self, name: str) -> DetailRecord:
        """Return the record of a detail. It counts as failed until it is complete."""
        found = next((detail for detail in self.details if detail.detail == name), None)
        if found is None:
            found = DetailRecord(name, Outcome.FAILED)
            self.details.append(found)
        return found

    def fail_detail(self, detail: str, error: ReklakeError) -> None:
        """Record the error that ended a detail. The scope goes on without it."""
        found = self.detail(detail)
        found.outcome = Outcome.FAILED
        found.error_kind = _kind(error)
        found.error = str(error)


def _kind(error: ReklakeError) -> str:
    return error.kind if isinstance(error, ScopeError) else "bad_answer"


@dataclass(slots=True)
class RunRecord:
    """How a run ended."""

    run_id: str
    kind: str
    started_at: str
    arguments: dict[str, Any]
    outcome: Outcome = Outcome.FAILED
    ended_at: str | None = None
    snapshot: str | None = None
    error: str | None = None
    software: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    scopes: list[ScopeRecord] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Accounts that the settings cover but that were not listed, and why: suspended ones, for example."""

    @classmethod
    def begin(cls, kind: str, arguments: Mapping[str, Any]) -> RunRecord:
        """Begin a run. Its id sorts by time, to the microsecond, and is unique across machines."""
        started = datetime.now(UTC)
        run_id = f"{started.strftime(ID_TIME)}-{started.microsecond:05x}{secrets.token_hex(2)[1:]}"
        return cls(run_id, kind, text_of(started), dict(arguments), software=software())

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the block's duration to the stage's seconds."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - started, 6)

    def end(self, outcome: Outcome, error: str | None = None) -> None:
        """Record how and when the run ended."""
        self.outcome, self.error, self.ended_at = outcome, error, now()
        elapsed = datetime.fromisoformat(self.ended_at) - datetime.fromisoformat(self.started_at)
        self.seconds["total"] = elapsed.total_seconds()

    @property
    def document(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return asdict(self)

    def write(self, lake: Lake) -> None:
        """Write the record to runs/."""
        write(lake, self.document)


def write(lake: Lake, document: Mapping[str, Any]) -> None:
    """Write a record's document to runs/, with its checksum."""
    text = json.dumps({**document, CHECKSUM: checksum(document)}, indent=2) + "\n"
    lake.write_text(f"{RUNS}/{document['run_id']}{SUFFIX}", text)


def parse(content: bytes) -> dict[str, Any] | None:
    """Return the document in a record's file; None if it is no run record."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"run_id", "outcome", "kind", "scopes"} <= found.keys() else None


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a record as compact JSON with sorted keys, without its checksum and without null or empty members.

    A member that a later version adds, and an older record lacks, therefore changes nothing.
    """
    members = {name: value for name, value in document.items() if name != CHECKSUM}
    return json.dumps(_without_empty(members), sort_keys=True, separators=(",", ":")).encode()


def checksum(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(document)).hexdigest()


def is_intact(document: Mapping[str, Any]) -> bool:
    """Whether a record is as it was written: its checksum matches its content."""
    return document.get(CHECKSUM) == checksum(document)


def _without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        members = {name: _without_empty(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member is not None and member not in ({}, [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def has_published(document: Mapping[str, Any] | None) -> bool:
    """Whether a record says that its run published, or found nothing to publish."""
    return document is not None and document["outcome"] in {Outcome.COMPLETE, Outcome.PARTIAL}


def listings(documents: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Scope, datetime]]:
    """Yield each scope that a run listed to its end and published, and when that listing ended."""
    for document in documents:
        for listed in document["scopes"] if has_published(document) else ():
            if listed.get("listed_at"):
                yield Scope(listed["region"], listed["account_id"]), datetime.fromisoformat(listed["listed_at"])


def started_at(run_id: str) -> datetime | None:
    """Return when a run began, from its id; None if it is no run's id."""
    try:
        return datetime.strptime(run_id[:ID_TIME_LENGTH], ID_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def now() -> str:
    """Return the current time as records write it: ISO 8601, UTC, microseconds."""
    return text_of(datetime.now(UTC))


def text_of(instant: datetime) -> str:
    """Return an instant as the lake's JSON files write it: ISO 8601, UTC, microseconds."""
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")

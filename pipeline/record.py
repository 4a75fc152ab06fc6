"""The record of a run: what was asked, how each scope ended, what it cost. One immutable JSON file a run."""

from __future__ import annotations

import json
import platform
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any

from pipeline.errors import ReklakeError, ScopeError
from pipeline.model.page import Scope
from pipeline.storage import Lake

FOLDER = "runs"
SOFTWARE = ("reklake", "boto3", "botocore", "pyarrow", "duckdb", "msgspec")


class Outcome(StrEnum):
    """How a run or a scope ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(slots=True)
class ScopeRecord:
    """How one scope ended. `seconds` is the time its listing took; `calls` counts every attempt."""

    account_id: str
    region: str
    outcome: Outcome = Outcome.FAILED
    error_kind: str | None = None
    error: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    calls: int = 0
    retries: int = 0
    throttles: int = 0
    pages: int = 0
    projects: int = 0
    versions: int = 0
    unknown_members: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, scope: Scope) -> ScopeRecord:
        """Begin the record of a scope, which has failed until it is known to be complete."""
        return cls(scope.account_id, scope.region, started_at=now())

    @property
    def scope(self) -> Scope:
        """The scope it is about."""
        return Scope(self.region, self.account_id)

    def fail(self, error: ReklakeError) -> None:
        """Note the error that ended it."""
        self.outcome = Outcome.FAILED
        self.error_kind = error.kind if isinstance(error, ScopeError) else "bad_answer"
        self.error = str(error)


@dataclass(slots=True)
class RunRecord:
    """How one run ended."""

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

    @classmethod
    def begin(cls, kind: str, arguments: Mapping[str, Any]) -> RunRecord:
        """Begin a run; its id sorts by time and is new on every machine."""
        started = datetime.now(UTC)
        run_id = f"{started:%Y%m%dT%H%M%S}Z-{secrets.token_hex(3)}"
        return cls(run_id, kind, _text(started), dict(arguments), software=software())

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the block's duration to the stage's seconds."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - started, 6)

    def end(self, outcome: Outcome, error: str | None = None) -> None:
        """Close the record."""
        self.outcome, self.error, self.ended_at = outcome, error, now()
        elapsed = datetime.fromisoformat(self.ended_at) - datetime.fromisoformat(self.started_at)
        self.seconds["total"] = elapsed.total_seconds()

    def write(self, lake: Lake) -> None:
        """Keep it under runs/."""
        lake.write_text(f"{FOLDER}/{self.run_id}.json", json.dumps(asdict(self), indent=2) + "\n")


def software() -> dict[str, str]:
    """Return the versions that made the run's files."""
    return {"python": platform.python_version()} | {name: version(name) for name in SOFTWARE}


def now() -> str:
    """Return the time as the records hold it: ISO 8601, UTC, microseconds."""
    return _text(datetime.now(UTC))


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")

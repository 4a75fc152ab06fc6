"""What every run has around it: the lake to itself, a record however it ends, lake.duckdb and the data checks after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pipeline.errors import LakeError, ReklakeError
from pipeline.lake import Lake, run_log, snapshot
from pipeline.lake.run_record import Outcome, RunRecord
from pipeline.lake.snapshot import Snapshot
from pipeline.query import checks, database
from pipeline.query.checks import CheckResult
from pipeline.settings import Settings

CHECK_MEMORY = "96MB"
"""What the data checks may take; DuckDB's own limit is most of the machine."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to.

    `rows` are those published now, by table; `is_published` says whether this run made them so; `checks` are those
    that found something; `warning` is what went wrong after publishing.
    """

    record: RunRecord
    rows: dict[str, int]
    is_published: bool
    checks: tuple[CheckResult, ...]
    warning: str | None = None


@contextmanager
def run_context(lake: Lake, run: RunRecord) -> Iterator[None]:
    """Be the lake's one writer, and see to it that a run which ends in an error, or is stopped, leaves a record.

    If it is stopped when it has published, the next sync writes the record: the snapshot carries it.
    """
    try:
        with lake.locked(run.run_id):
            try:
                yield
            except BaseException as error:
                if run.snapshot is None and not snapshot.is_published(lake, run.run_id):
                    run.end(Outcome.FAILED, str(error) or type(error).__name__)
                    with suppress(OSError, LakeError):  # the record of a full disk may not fit on it
                        run.write(lake)
                raise
    except OSError as error:
        raise LakeError(
            f"{lake}: {error}. Make room, or give the right to write there, and run again; what was published is as it "
            "was."
        ) from error


def finish_run(settings: Settings, lake: Lake, run: RunRecord, warning: str | None = None) -> Result:
    """Keep the record, rebuild lake.duckdb over what is published now, and run the data checks on it.

    `warning` is one that the result carries unless a later one replaces it.
    """
    found: tuple[CheckResult, ...] = ()
    rows: dict[str, int] = {}
    run.end(run.outcome, run.error)
    try:
        run.write(lake)
        published = snapshot.find(lake)
        if published:
            rows = published.rows
            found = _check(settings, lake, published)
    except (ReklakeError, OSError) as error:
        if run.snapshot is None:
            raise
        warning = f"the run's record or lake.duckdb is not up to date: {error}"  # it still shows the snapshot before
    return Result(run, rows, run.snapshot == run.run_id, found, warning)


def _check(settings: Settings, lake: Lake, published: Snapshot) -> tuple[CheckResult, ...]:
    """Bring lake.duckdb up to date, if the lake holds one, and return the checks that find something."""
    folder = published.folder()
    run_log.fetch(lake)
    if lake.is_local:
        database.refresh(lake.root, snapshot=folder, prices=settings.prices)
    with database.connect(lake.root, snapshot=folder, prices=settings.prices, memory=CHECK_MEMORY) as con:
        return tuple(result for result in checks.run_after_writing(con) if not result.passed)

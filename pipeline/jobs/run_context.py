"""What surrounds every run: the lake's lock, a run record however it ends, then lake.duckdb and the data checks."""

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
"""Memory for the data checks. DuckDB's default limit is most of the machine."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run.

    `rows` counts the published rows by table. `is_published` says whether this run published them. `checks` are those
    that found rows. `warning` says what went wrong after publishing.
    """

    record: RunRecord
    rows: dict[str, int]
    is_published: bool
    checks: tuple[CheckResult, ...]
    warning: str | None = None


@contextmanager
def run_context(lake: Lake, run: RunRecord) -> Iterator[None]:
    """Hold the lake's lock for the block. A run that ends in an error, or is stopped, leaves a record.

    If it is stopped after publishing, the next sync writes its record, which the snapshot carries.
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
            f"{lake}: {error}. Make room, or allow writing there, and run again; what was published is unchanged."
        ) from error


def finish_run(settings: Settings, lake: Lake, run: RunRecord, warning: str | None = None) -> RunResult:
    """Write the record, bring lake.duckdb up to date with the published snapshot, and run the data checks.

    The result carries `warning`, unless something else goes wrong here.
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
        # lake.duckdb still shows the previous snapshot
        warning = f"the run's record or lake.duckdb is not up to date: {error}"
    return RunResult(run, rows, run.snapshot == run.run_id, found, warning)


def _check(settings: Settings, lake: Lake, published: Snapshot) -> tuple[CheckResult, ...]:
    """Bring lake.duckdb up to date, if the lake holds one, and return the checks that find something."""
    folder = published.folder()
    run_log.fetch(lake)
    if lake.is_local:
        database.refresh(lake.root, snapshot=folder, prices=settings.prices)
    with database.connect(lake.root, snapshot=folder, prices=settings.prices, memory=CHECK_MEMORY) as con:
        return tuple(result for result in checks.run_after_writing(con) if not result.passed)

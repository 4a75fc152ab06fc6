"""The story of one run: extract, land, flatten, merge, publish, check. The only place that knows the order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from pipeline import landing
from pipeline.errors import LakeError, PageError, ReklakeError, ScopeError
from pipeline.extract import Target, list_scope, plan
from pipeline.landing import LandedScope
from pipeline.load import checks, snapshot, warehouse
from pipeline.load.checks import CheckResult
from pipeline.load.snapshot import Snapshot, SnapshotWriter
from pipeline.model.page import Scope
from pipeline.pieces import flatten_scope
from pipeline.record import Outcome, RunRecord, ScopeRecord, now
from pipeline.settings import Settings

CHECK_MEMORY = "256MB"
"""What the data checks may take; DuckDB's own limit is most of the machine."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth showing while a run is under way.

    `name` is one of started, page, scope, flattening, published, unchanged; `scope` is the scope it is about, if any;
    `detail` is what there is to say of it.
    """

    name: str
    scope: Scope | None = None
    detail: str = ""


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


Observer = Callable[[Event], None]
Extracted: TypeAlias = tuple[LandedScope | None, ScopeRecord]
"""What came of listing a scope: its landed pages, unless it broke off, and the record of it."""


def sync(settings: Settings, observe: Observer) -> Result:
    """List every scope, publish what was found, and keep what could not be listed as it was.

    Raises UsageError before any scope is asked or anything is written if the settings cannot be carried out, and
    FatalError if the lake cannot be read or written. Failed scopes raise nothing: they are in the record.
    """
    targets = plan(settings.aws)
    snapshot.prepare(settings.lake)
    previous = snapshot.find(settings.lake)
    run = RunRecord.begin("sync", _arguments(settings))
    stopped = threading.Event()
    with _recorded(settings.lake, run), ThreadPoolExecutor(settings.aws.scopes, thread_name_prefix="scope") as pool:
        try:
            observe(
                Event("started", detail=f"{len(targets)} scope{'s' if len(targets) != 1 else ''}, run {run.run_id}")
            )
            extract = partial(_extract, lake=settings.lake, run_id=run.run_id, observe=observe, stopped=stopped)
            under_way = {target.scope: pool.submit(extract, target) for target in targets}
            extracted = {scope: listing.result for scope, listing in under_way.items()}
            return _publish(settings, run, previous, extracted, observe)
        except BaseException:  # also Ctrl-C: the other scopes need not be listed any more
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def replay(settings: Settings, run_id: str, observe: Observer) -> Result:
    """Flatten and publish the pages that a run landed, without asking AWS, even where a later run's rows stand.

    LakeError if nothing of that run is there.
    """
    found = landing.landed(settings.lake, run_id)
    previous = snapshot.find(settings.lake)
    run = RunRecord.begin("replay", {"run": run_id})
    with _recorded(settings.lake, run):
        observe(Event("started", detail=f"replaying {len(found)} landed scopes of run {run_id}"))
        return _publish(settings, run, previous, {one.scope: partial(_replayed, one) for one in found}, observe)


@contextmanager
def _recorded(lake: Path, run: RunRecord) -> Iterator[None]:
    """See to it that a run which ends in an error, or is stopped, leaves a record; files that fail are LakeErrors."""
    try:
        yield
    except BaseException as error:
        failure = _unwritable(lake, error) if isinstance(error, OSError) else error
        run.end(Outcome.FAILED, str(failure) or type(failure).__name__)
        with suppress(OSError):  # the record of a full disk may not fit on it; the error itself is raised
            run.write(lake)
        raise failure from error


def _extract(target: Target, *, lake: Path, run_id: str, observe: Observer, stopped: threading.Event) -> Extracted:
    """List one scope into the landing; what ends it early is in its record."""
    record = ScopeRecord.of(target.scope)
    started = time.perf_counter()
    tap = None
    landed = None
    try:
        client, tap = target.client()
        with landing.land(lake, run_id, target.scope) as writer:
            for page in list_scope(client, target.scope, threads=target.settings.threads):
                writer.add(page)
                record.pages += 1
                observe(Event("page", target.scope))
                if stopped.is_set():
                    raise ScopeError(f"{target.scope}: the run was stopped. Sync again.", kind="stopped")
        landed = landing.scope_file(lake, run_id, target.scope)
        record.outcome = Outcome.COMPLETE
    except ReklakeError as error:
        record.fail(error)
    record.ended_at, record.seconds = now(), round(time.perf_counter() - started, 6)
    if tap:
        record.calls, record.retries = tap.counters.calls, tap.counters.retries
        record.throttles = tap.counters.throttles
    observe(Event("scope", target.scope, record.error or f"{record.outcome}, {record.pages} pages"))
    return landed, record


def _replayed(found: LandedScope) -> Extracted:
    record = ScopeRecord.of(found.scope)
    if found.complete:
        record.outcome = Outcome.COMPLETE
    else:
        why = f"{found.path}: the scope was not listed to its end in that run; its last complete rows stay."
        record.fail(ScopeError(why, kind="incomplete"))
    return found, record


def _publish(
    settings: Settings,
    run: RunRecord,
    previous: Snapshot | None,
    extracted: Mapping[Scope, Callable[[], Extracted]],
    observe: Observer,
) -> Result:
    """Write the new snapshot scope by scope in key order, swap the pointer, and tell how it went.

    A scope is flattened as soon as its own listing is there, while others are still being listed.
    """
    with snapshot.writer(settings.lake, run.run_id, previous) as writer:
        for scope in sorted(extracted.keys() | (previous.sources.keys() if previous else set())):
            landed = None
            if scope in extracted:
                with run.timed("extract"):
                    landed, record = extracted[scope]()
                run.scopes.append(record)
            if landed and landed.complete:
                observe(Event("flattening", scope))
                with run.timed("flatten"):
                    _write_scope(writer, landed, record)
            else:
                writer.carry(scope)
        outcome = _outcome(run)
        if outcome is not Outcome.FAILED:
            with run.timed("load"):
                writer.seal(created_at=now(), software=run.software)
    return _conclude(settings, run, outcome, observe)


def _write_scope(writer: SnapshotWriter, landed: LandedScope, record: ScopeRecord) -> None:
    """Flatten a scope into the snapshot; where a page could not be read whole, the previous rows fill the gap."""
    problems: list[PageError] = []
    for flat, settled in flatten_scope(landed):
        writer.add(flat.tables, settled)
        problems.extend(flat.problems)
        record.unknown_members += flat.unknown
        record.projects += flat.tables["projects"].num_rows if "projects" in flat.tables else 0
        record.versions += flat.tables["project_versions"].num_rows if "project_versions" in flat.tables else 0
    if problems:
        present: dict[str, list[pa.Array]] = {}
        for flat, _ in flatten_scope(landed):
            present.setdefault(flat.operation, [pa.array([], pa.string())]).append(flat.arns)
        writer.carry_beneath(landed.scope, {name: pa.concat_arrays(arns) for name, arns in present.items()})
        more = f" And {len(problems) - 1} more like it." if len(problems) > 1 else ""
        record.fail(PageError(f"{problems[0]}{more}"))
    writer.listed(landed.scope, landed.run_id, whole=not problems)


def _outcome(run: RunRecord) -> Outcome:
    """Complete, partial, or failed: nothing to publish because no scope was listed to its end."""
    if all(scope.outcome is Outcome.COMPLETE for scope in run.scopes):
        return Outcome.COMPLETE
    listed = any(scope.outcome is Outcome.COMPLETE or scope.versions or scope.projects for scope in run.scopes)
    return Outcome.PARTIAL if listed else Outcome.FAILED


def _conclude(settings: Settings, run: RunRecord, outcome: Outcome, observe: Observer) -> Result:
    """Keep the record, rebuild lake.duckdb over what is published now, and run the data checks on it."""
    published = snapshot.find(settings.lake)
    is_published = published is not None and published.id == run.run_id
    if outcome is not Outcome.FAILED:
        run.snapshot = published.id if published else None
        observe(Event("published" if is_published else "unchanged", detail=run.snapshot or ""))
    run.end(outcome)
    run.write(settings.lake)
    if published is None:
        return Result(run, {}, is_published, ())
    found: tuple[CheckResult, ...] = ()
    warning = None
    try:
        runs = settings.lake / "runs"
        warehouse.build(settings.lake / "lake.duckdb", snapshot=published.folder, runs=runs, prices=settings.prices)
        with warehouse.connect(
            settings.lake, snapshot=published.folder, prices=settings.prices, memory=CHECK_MEMORY
        ) as con:
            found = tuple(result for result in checks.run(con) if not result.passed)
    except (ReklakeError, OSError) as error:  # the snapshot stands; lake.duckdb still shows the one before
        warning = str(error)
    return Result(run, published.rows, is_published, found, warning)


def _unwritable(lake: Path, error: OSError) -> LakeError:
    return LakeError(
        f"{lake}: {error}. Make room, or give the right to write there, and run again; what was published is as it was."
    )


def _arguments(settings: Settings) -> dict[str, object]:
    """Return what the run was asked to do; nothing secret is among the settings."""
    aws = settings.aws
    return {
        "lake": str(settings.lake),
        "regions": list(aws.regions),
        "accounts": list(aws.accounts),
        "role": aws.role,
        "profile": aws.profile,
        "rate": aws.rate,
    }

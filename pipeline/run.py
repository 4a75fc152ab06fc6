"""The story of one run: extract, land, flatten, merge, publish, check. The only place that knows the order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

from pipeline import landing
from pipeline.errors import LakeError, PageError, ReklakeError, ScopeError
from pipeline.extract import Target, list_scope, plan
from pipeline.flatten import Flat, flatten
from pipeline.flatten.listings import PageHead, counting
from pipeline.landing import LandedScope
from pipeline.load import checks, snapshot, warehouse
from pipeline.load.checks import CheckResult
from pipeline.load.snapshot import SnapshotWriter
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, RawPage, Scope
from pipeline.parallel import ordered_map
from pipeline.record import Outcome, RunRecord, ScopeRecord, now
from pipeline.settings import Settings

PIECE_BYTES = 8 << 20
"""Bodies flattened at a time: about 4,000 versions."""
FLATTEN_THREADS = 2
"""pyarrow releases the interpreter while it parses; a third thread only waits for memory."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth showing while a run is under way.

    `name` is one of started, page, scope, flattening, published, unchanged; `scope` is the scope it is about, if
    any, and `detail` what there is to say of it.
    """

    name: str
    scope: Scope | None = None
    detail: str = ""


Observer = Callable[[Event], None]
Listing: TypeAlias = tuple[LandedScope | None, ScopeRecord]
"""What came of listing a scope: its landed pages, if they are all there, and the record of it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to: its record, the rows now published by table, and the data checks that found something."""

    record: RunRecord
    rows: dict[str, int]
    checks: tuple[CheckResult, ...]


def sync(settings: Settings, observe: Observer) -> Result:
    """List every scope, publish what was found, and keep what could not be listed as it was.

    Raises UsageError before anything is asked or written if the settings cannot be carried out, and FatalError if
    the lake cannot be written. Failed scopes raise nothing: they are in the record.
    """
    targets = plan(settings.aws)
    snapshot.prepare(settings.lake)
    run = RunRecord.begin("sync", _arguments(settings))
    observe(Event("started", detail=f"{len(targets)} scope{'s' if len(targets) != 1 else ''}, run {run.run_id}"))
    stopped = threading.Event()
    with ThreadPoolExecutor(settings.aws.scopes, thread_name_prefix="scope") as pool:
        extract = partial(_extract, lake=settings.lake, run_id=run.run_id, observe=observe, stopped=stopped)
        listings = {target.scope: pool.submit(extract, target) for target in targets}
        try:
            return _publish(settings, run, {scope: listing.result for scope, listing in listings.items()}, observe)
        except BaseException:  # also Ctrl-C: the other scopes need not be listed any more
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def replay(settings: Settings, run_id: str, observe: Observer) -> Result:
    """Flatten and publish the pages that a run landed, without asking AWS.

    LakeError if nothing of that run is there.
    """
    found = landing.landed(settings.lake, run_id)
    run = RunRecord.begin("replay", {"run": run_id})
    observe(Event("started", detail=f"replaying {len(found)} landed scopes of run {run_id}"))
    return _publish(settings, run, {one.scope: partial(_replayed, one) for one in found}, observe)


def _extract(target: Target, *, lake: Path, run_id: str, observe: Observer, stopped: threading.Event) -> Listing:
    """List one scope into the landing; what ends it early is in its record."""
    record = ScopeRecord.of(target.scope)
    started = time.perf_counter()
    tap = None
    landed = None
    try:
        client, tap = target.client()
        with landing.land(lake, run_id, target.scope) as writer:
            for page in list_scope(client, target.scope, listings=target.settings.listings):
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
    observe(Event("scope", target.scope, record.error or f"{record.pages} pages"))
    return landed, record


def _replayed(found: LandedScope) -> Listing:
    record = ScopeRecord.of(found.scope)
    if found.complete:
        record.outcome = Outcome.COMPLETE
    else:
        record.fail(LakeError(f"{found.path}: the scope was not listed to its end; its last complete rows stay."))
    return found, record


def _publish(
    settings: Settings, run: RunRecord, listings: Mapping[Scope, Callable[[], Listing]], observe: Observer
) -> Result:
    """Write the new snapshot scope by scope in key order, swap the pointer, and tell how it went.

    A scope is flattened as soon as its own listing is there, while others are still being listed.
    """
    previous = snapshot.find(settings.lake)
    try:
        with snapshot.writer(settings.lake, run.run_id) as writer:
            for scope in sorted(listings.keys() | (previous.sources.keys() if previous else set())):
                landed = None
                if scope in listings:
                    with run.timed("extract"):
                        landed, record = listings[scope]()
                    run.scopes.append(record)
                if landed and landed.complete:
                    observe(Event("flattening", scope))
                    with run.timed("flatten"):
                        _write_scope(writer, landed, record)
                    writer.listed(scope, landed.run_id)
                else:
                    writer.carry(scope)
            outcome = _outcome(run)
            if outcome is not Outcome.FAILED:
                with run.timed("load"):
                    writer.seal(created_at=now(), software=run.software)
    except (ReklakeError, OSError) as error:
        failure = error if isinstance(error, ReklakeError) else _unwritable(settings.lake, error)
        run.end(Outcome.FAILED, str(failure))
        with suppress(OSError):  # the record of a full disk may not fit on it; the error itself is raised
            run.write(settings.lake)
        raise failure from error
    return _conclude(settings, run, outcome, observe)


def _unwritable(lake: Path, error: OSError) -> LakeError:
    return LakeError(
        f"{lake}: {error}. Make room, or give the right to write there, and run again; what was published is as it was."
    )


def _write_scope(writer: SnapshotWriter, landed: LandedScope, record: ScopeRecord) -> None:
    problems: list[PageError] = []
    for flat, settled in flatten_scope(landed):
        writer.add(flat.tables, settled)
        problems.extend(flat.problems)
        record.unknown_members += flat.unknown
        for table, field in (("projects", "projects"), ("project_versions", "versions")):
            if table in flat.tables:
                setattr(record, field, getattr(record, field) + flat.tables[table].num_rows)
    if problems:
        writer.carry_beneath(landed.scope)
        more = f" And {len(problems) - 1} more like it." if len(problems) > 1 else ""
        record.fail(PageError(f"{problems[0]}{more}"))


def flatten_scope(landed: LandedScope) -> Iterator[tuple[Flat, str | None]]:
    """Yield a landed scope as tables, piece by piece: its projects, then its versions in the order they came.

    With each piece comes the key below which no later piece has rows; None for the last.
    """
    heads = [PageHead(**head) for head in landing.heads(landed.path)]
    decided = counting(heads)
    project_pages = landing.pages(
        landed.path, lambda at: heads[at].operation == DESCRIBE_PROJECTS and decided.counts(heads[at])
    )
    projects = flatten(DESCRIBE_PROJECTS, landed.scope, list(project_pages), gone=decided.gone)
    yield projects, None
    existing = frozenset(projects.tables["projects"].column("project_arn").to_pylist())
    wanted = {
        at: head.project_arn
        for at, head in enumerate(heads)
        if head.operation == DESCRIBE_PROJECT_VERSIONS and decided.counts(head, existing)
    }
    yield from ordered_map(
        lambda piece: (flatten(DESCRIBE_PROJECT_VERSIONS, landed.scope, piece[0]), piece[1]),
        pieces(landing.pages(landed.path, wanted.__contains__), list(wanted.values())),
        workers=FLATTEN_THREADS,
        ahead=FLATTEN_THREADS,
    )


def pieces(pages: Iterator[RawPage], project_arns: Sequence[str]) -> Iterator[tuple[list[RawPage], str | None]]:
    """Group pages into what is flattened at a time, each piece with the key that all later pages' rows are above.

    `project_arns` are those of the pages, in the same order. A version's ARN begins as its project's does, up to
    the last slash.
    """
    later = list(accumulate(reversed(project_arns), min))[::-1]  # of each page, the lowest ARN from there on
    piece: list[RawPage] = []
    size = 0
    for at, page in enumerate(pages, 1):
        piece.append(page)
        size += len(page.body)
        if size >= PIECE_BYTES or at == len(later):
            yield piece, later[at].rpartition("/")[0] if at < len(later) else None
            piece, size = [], 0


def _outcome(run: RunRecord) -> Outcome:
    """Complete, partial, or failed: nothing to publish because no scope was listed to its end."""
    if all(scope.outcome is Outcome.COMPLETE for scope in run.scopes):
        return Outcome.COMPLETE
    listed = any(scope.outcome is Outcome.COMPLETE or scope.versions or scope.projects for scope in run.scopes)
    return Outcome.PARTIAL if listed else Outcome.FAILED


def _conclude(settings: Settings, run: RunRecord, outcome: Outcome, observe: Observer) -> Result:
    """Keep the record, rebuild lake.duckdb over what is published now, and run the data checks on it."""
    published = snapshot.find(settings.lake)
    if published and published.id == run.run_id:
        run.snapshot = published.id
        observe(Event("published", detail=published.id))
    elif outcome is not Outcome.FAILED:
        observe(Event("unchanged", detail="nothing changed, no new snapshot"))
    found: tuple[CheckResult, ...] = ()
    run.end(outcome)
    run.write(settings.lake)
    if published:
        warehouse.build(
            settings.lake / "lake.duckdb",
            snapshot=published.folder,
            runs=settings.lake / "runs",
            prices=settings.prices,
        )
        with warehouse.connect(settings.lake, snapshot=published.folder, prices=settings.prices) as con:
            found = tuple(result for result in checks.run(con) if not result.passed)
    return Result(run, published.rows if published else {}, found)


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

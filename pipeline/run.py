"""The story of one run: extract, land, flatten, merge, publish, check. The only place that knows the order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from pipeline import landing, tidy
from pipeline.errors import BusyError, LakeError, ReklakeError, ScopeError
from pipeline.extract import Target, list_scope, plan
from pipeline.landing import LandedScope
from pipeline.load import snapshot
from pipeline.load.snapshot import Snapshot
from pipeline.load.writer import writer
from pipeline.model.page import Scope
from pipeline.record import Outcome, RunRecord, ScopeRecord, documents, has_published, now
from pipeline.scope import write_scope
from pipeline.settings import Settings
from pipeline.storage import Lake, open_lake
from pipeline.writing import Result, conclude, writing


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth showing while a run is under way.

    `name` is one of started, resumed, page, scope, flattening, published, unchanged; `scope` is the scope it is about,
    if any; `detail` is what there is to say of it. `is_whole` tells of an ended scope that it was listed to its end.
    """

    name: str
    scope: Scope | None = None
    detail: str = ""
    is_whole: bool = False


Observer = Callable[[Event], None]
Extracted: TypeAlias = tuple[LandedScope | None, ScopeRecord]
"""What came of listing a scope: its landed pages, unless it broke off, and the record of it."""


def sync(settings: Settings, observe: Observer) -> Result:
    """List every scope, publish what was found, and keep what could not be listed as it was.

    Raises UsageError before any scope is asked or anything is written if the settings cannot be carried out,
    BusyError if another writer has the lake, and FatalError if the lake cannot be read or written. Failed scopes raise
    nothing: they are in the record.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    snapshot.check_usable(lake)
    if holder := lake.holder():
        raise BusyError(f"{lake}: is in use: {holder}. Run again when that has ended.")
    targets = plan(settings.aws)
    run = RunRecord.begin("sync", _arguments(settings))
    stopped = threading.Event()
    with writing(lake, run), ThreadPoolExecutor(settings.aws.scopes, thread_name_prefix="scope") as pool:
        try:
            observe(
                Event("started", detail=f"{len(targets)} scope{'s' if len(targets) != 1 else ''}, run {run.run_id}")
            )
            previous = tidy.begin(lake)
            resumed = _resume(settings, lake, run, previous, [target.scope for target in targets], observe)
            extract = partial(_extract, lake=lake, run_id=run.run_id, observe=observe, stopped=stopped)
            under_way = {
                target.scope: pool.submit(extract, target) for target in targets if target.scope not in resumed
            }
            extracted = {scope: listing.result for scope, listing in under_way.items()}
            return _publish(settings, lake, run, previous, {**extracted, **resumed}, observe)
        except BaseException:  # also Ctrl-C: the other scopes need not be listed any more
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def replay(settings: Settings, run_id: str, observe: Observer) -> Result:
    """Flatten and publish the pages that a run landed, without asking AWS.

    A scope whose rows were listed later than in that run keeps them: history goes forward only. LakeError if nothing
    of that run is there; BusyError if another writer has the lake.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    found = landing.landed(lake, run_id)
    run = RunRecord.begin("replay", {"run": run_id})
    with writing(lake, run):
        previous = tidy.begin(lake)
        observe(Event("started", detail=f"replaying {len(found)} landed scopes of run {run_id}"))
        extracted = {one.scope: partial(_replayed, one, previous) for one in found}
        return _publish(settings, lake, run, previous, extracted, observe)


def replayable(settings: Settings) -> list[str]:
    """Return the runs whose landed pages can be published, oldest first.

    Not those whose record says that they did not publish, nor those that have no scope to its end that is as new as the
    rows that are there. LakeError if there is none.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    published = snapshot.find(lake)
    shown = {scope: source.listed_at for scope, source in published.sources.items()} if published else {}
    records = documents(lake)
    found = [
        run_id
        for run_id in lake.entries(landing.FOLDER)
        if (run_id not in records or has_published(records[run_id]))
        and any(
            one.complete and one.listed_at >= shown.get(one.scope, one.listed_at)
            for one in (landing.scope_file(lake, run_id, scope) for scope in landing.scopes_of(lake, run_id))
        )
    ]
    if not found:
        raise LakeError(f"{lake}: no run has landed pages here that are as new as its rows. Name one to see why.")
    return found


def _resume(
    settings: Settings, lake: Lake, run: RunRecord, previous: Snapshot | None, wanted: list[Scope], observe: Observer
) -> dict[Scope, Callable[[], Extracted]]:
    """Take over what runs have listed and did not live to publish, and clear the rest of what they left."""
    found = tidy.resumable(lake, timedelta(seconds=settings.resume_within), previous)
    taken: dict[Scope, Callable[[], Extracted]] = {}
    for scope in [scope for scope in wanted if scope in found]:
        left = found.pop(scope)
        taken[scope] = partial(_resumed, landing.take_over(lake, left, run.run_id), left.run_id)
        observe(Event("resumed", scope, f"not asked again: listed at {left.listed_at:%FT%TZ} by run {left.run_id}"))
    tidy.clear_dead_runs(lake, run.run_id, previous, found.values())
    return taken


def _extract(target: Target, *, lake: Lake, run_id: str, observe: Observer, stopped: threading.Event) -> Extracted:
    """List one scope into the landing; what ends it early is in its record."""
    record = ScopeRecord.of(target.scope)
    started = time.perf_counter()
    tap = None
    landed = None
    try:
        client, tap = target.client()
        with landing.land(lake, run_id, target.scope) as pages:
            for page in list_scope(client, target.scope, threads=target.settings.in_flight):
                pages.add(page)
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
    told = record.error or f"{record.outcome}, {record.pages} pages"
    observe(Event("scope", target.scope, told, is_whole=record.outcome is Outcome.COMPLETE))
    return landed, record


def _resumed(landed: LandedScope, of_run: str) -> Extracted:
    record = ScopeRecord.of(landed.scope)
    record.outcome = Outcome.COMPLETE
    record.resumed_from = of_run
    return landed, record


def _replayed(found: LandedScope, previous: Snapshot | None) -> Extracted:
    record = ScopeRecord.of(found.scope)
    shown = previous.sources.get(found.scope) if previous else None
    if not found.complete:
        why = f"{found.path}: the scope was not listed to its end in that run; its last complete rows stay."
        record.fail(ScopeError(why, kind="incomplete"))
        return None, record
    if shown and found.listed_at < shown.listed_at and found.run_id != shown.run_id:
        why = (
            f"{found.scope}: run {found.run_id} listed it at {found.listed_at:%FT%TZ}, and the rows there are of "
            f"{shown.listed_at:%FT%TZ}: a replay does not go back. Replay the runs in their order into a new lake, or "
            "use `reklake rollback`."
        )
        record.fail(ScopeError(why, kind="older"))
        return None, record
    record.outcome = Outcome.COMPLETE
    return found, record


def _publish(
    settings: Settings,
    lake: Lake,
    run: RunRecord,
    previous: Snapshot | None,
    extracted: Mapping[Scope, Callable[[], Extracted]],
    observe: Observer,
) -> Result:
    """Write the new snapshot scope by scope in key order, swap the pointer, and tell how it went.

    A scope is flattened as soon as its own listing is there, while others are still being listed.
    """
    with writer(lake, run.run_id, previous) as new:
        for scope in sorted(extracted.keys() | (previous.sources.keys() if previous else set())):
            landed = None
            if scope in extracted:
                with run.timed("extract"):
                    landed, record = extracted[scope]()
                run.scopes.append(record)
            if landed:
                observe(Event("flattening", scope))
                with run.timed("flatten"):
                    write_scope(new, landed, record)
            else:
                new.carry(scope)
        run.end(_outcome(run))
        if run.outcome is not Outcome.FAILED:
            with run.timed("load"):
                new.seal(created_at=now(), software=run.software, run=partial(_as_published, run))
    if run.outcome is not Outcome.FAILED:
        run.snapshot = run.run_id if new.is_changed or previous is None else previous.id
        observe(Event("published" if new.is_changed else "unchanged", detail=run.snapshot))
    return conclude(settings, lake, run, new.doubt)


def _outcome(run: RunRecord) -> Outcome:
    """Complete, partial, or failed: nothing to publish because no scope was listed to its end."""
    if all(scope.outcome is Outcome.COMPLETE for scope in run.scopes):
        return Outcome.COMPLETE
    listed = any(scope.outcome is Outcome.COMPLETE or scope.versions or scope.projects for scope in run.scopes)
    return Outcome.PARTIAL if listed else Outcome.FAILED


def _as_published(run: RunRecord) -> dict[str, object]:
    """Return the record for the snapshot to carry: should the run be killed just after publishing, it has no other."""
    return {**run.document, "snapshot": run.run_id}


def _arguments(settings: Settings) -> dict[str, object]:
    """Return what the run was asked to do; nothing secret is among the settings."""
    aws = settings.aws
    return {
        "lake": settings.lake,
        "regions": list(aws.regions),
        "accounts": list(aws.accounts),
        "role": aws.role,
        "profiles": list(aws.profiles),
        "rate": aws.rate,
        "resume_within": settings.resume_within,
    }

"""The story of one run: extract, land, flatten, merge, publish, check. The only place that knows the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from pipeline import landing
from pipeline.arrivals import Arrivals, Arriving, Landed
from pipeline.errors import BusyError, LakeError, ScopeError
from pipeline.extract import Lister, Sessions, plan
from pipeline.jobs import recovery as tidy
from pipeline.jobs.events import Event, Observer, Outlook
from pipeline.jobs.run_context import Result, conclude, writing
from pipeline.lake import Lake, memory, open_lake, snapshot
from pipeline.lake.run_record import (
    DetailRecord,
    Outcome,
    RunRecord,
    ScopeRecord,
    documents,
    has_published,
    last_calls,
    now,
)
from pipeline.lake.snapshot import Snapshot, Source
from pipeline.landing import LandedScope
from pipeline.load.snapshot_writer import writer
from pipeline.model.operations import DEFAULT_DETAILS
from pipeline.model.page import Scope
from pipeline.scope import write_scope
from pipeline.settings import Settings
from pipeline.unchanged import Published


def sync(settings: Settings, observe: Observer, *, strict: bool = False) -> Result:
    """List every scope, publish what was found, and keep what could not be listed as it was.

    With `strict`, nothing is published unless all of it was listed; the next sync then need not ask again for what was.

    Raises UsageError before any scope is asked or anything is written if the settings cannot be carried out,
    BusyError if another writer has the lake, and FatalError if the lake cannot be read or written. Failed scopes raise
    nothing: they are in the record.
    """
    memory.choose_allocators()
    lake = open_lake(settings.lake, settings.aws.profile)
    snapshot.check_usable(lake)
    if holder := lake.holder():
        raise BusyError(f"{lake}: is in use: {holder}. Run again when that has ended.")
    sessions = Sessions(settings.aws)
    planned = plan(settings.aws, sessions)
    targets = planned.targets
    run = RunRecord.begin("sync", _arguments(settings))
    run.left_out = {one.account_id: one.reason for one in planned.left_out}
    with writing(lake, run), landing.one_hand() as hand, Lister(sessions) as lister:
        previous = tidy.begin(lake)
        records = documents(lake)
        expected = last_calls(records)
        outlook = Outlook(len(targets), expected, settings.aws.rate, lister.reading)
        said = f"{len(targets)} scope{'s' if len(targets) != 1 else ''}, run {run.run_id}"
        observe(Event("started", None, said, facts={"scopes": len(targets), "run_id": run.run_id}, outlook=outlook))
        arriving = _resume(settings, lake, run, previous, [target.scope for target in targets], observe)
        published = Published(lake, previous, records)
        for target in sorted(targets, key=lambda target: target.scope):
            if target.scope not in arriving:
                known = published.before(target.scope)
                sink = Arrivals(
                    lake, run.run_id, target.scope, observe, hand, details=settings.aws.details, before=known
                )
                if not arriving:
                    sink.hold()  # it is the first to be flattened, from now on
                arriving[target.scope] = sink.follow(lister.begin(target, sink))
        return _publish(settings, lake, run, previous, arriving, observe, strict=strict)


def replay(settings: Settings, run_id: str, observe: Observer) -> Result:
    """Flatten and publish the pages that a run landed, without asking AWS.

    A scope whose rows were listed later than in that run keeps them: history goes forward only. LakeError if nothing
    of that run is there; BusyError if another writer has the lake.
    """
    memory.choose_allocators()
    lake = open_lake(settings.lake, settings.aws.profile)
    found = landing.landed(lake, run_id)
    run = RunRecord.begin("replay", {"run": run_id})
    with writing(lake, run):
        previous = tidy.begin(lake)
        observe(Event("started", detail=f"replaying {len(found)} landed scopes of run {run_id}"))
        shown = previous.sources if previous else {}
        arriving: dict[Scope, Arriving] = {one.scope: _replayed(one, shown.get(one.scope)) for one in found}
        return _publish(settings, lake, run, previous, arriving, observe)


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
) -> dict[Scope, Arriving]:
    """Take over what runs have listed and did not live to publish, and clear the rest of what they left."""
    details = set(DEFAULT_DETAILS if settings.aws.details is None else settings.aws.details)
    resumable = tidy.resumable(lake, timedelta(seconds=settings.resume_within), previous)
    found = {scope: one for scope, one in resumable.items() if details <= one.details}
    taken: dict[Scope, Arriving] = {}
    for scope in [scope for scope in wanted if scope in found]:
        left = found.pop(scope)
        taken[scope] = _resumed(landing.take_over(lake, left, run.run_id), left.run_id)
        observe(Event("resumed", scope, f"not asked again: listed at {left.listed_at:%FT%TZ} by run {left.run_id}"))
    tidy.clear_dead_runs(lake, run.run_id, previous, found.values())
    return taken


def _resumed(landed: LandedScope, of_run: str) -> Landed:
    record = ScopeRecord.of(landed.scope)
    record.outcome = Outcome.COMPLETE
    record.resumed_from = of_run
    record.details = _details_of(landed)
    return Landed(landed, record)


def _details_of(landed: LandedScope) -> list[DetailRecord]:
    return [DetailRecord(detail, Outcome.COMPLETE) for detail in sorted(landed.details)]


def _replayed(found: LandedScope, shown: Source | None) -> Landed:
    """Return a landed scope as one that arrives; `shown` is where its rows come from now."""
    record = ScopeRecord.of(found.scope)
    if not found.complete:
        why = f"{found.path}: the scope was not listed to its end in that run; its last complete rows stay."
        record.fail(ScopeError(why, kind="incomplete"))
        return Landed(None, record)
    if shown and found.listed_at < shown.listed_at and found.run_id != shown.run_id:
        why = (
            f"{found.scope}: run {found.run_id} listed it at {found.listed_at:%FT%TZ}, and the rows there are of "
            f"{shown.listed_at:%FT%TZ}: a replay does not go back. Replay the runs in their order into a new lake, or "
            "use `reklake rollback`."
        )
        record.fail(ScopeError(why, kind="older"))
        return Landed(None, record)
    record.outcome = Outcome.COMPLETE
    record.details = _details_of(found)
    return Landed(found, record)


def _publish(
    settings: Settings,
    lake: Lake,
    run: RunRecord,
    previous: Snapshot | None,
    arriving: Mapping[Scope, Arriving],
    observe: Observer,
    *,
    strict: bool = False,
) -> Result:
    """Write the new snapshot scope by scope in key order, swap the pointer, and tell how it went.

    A scope is flattened while it is listed or, if it is not its turn yet, while others are.
    """
    with writer(lake, run.run_id, previous) as new:
        for scope in sorted(arriving.keys() | (previous.sources.keys() if previous else set())):
            if scope not in arriving:
                new.carry(scope)
                continue
            observe(Event("flattening", scope))
            with run.timed("flatten"):
                run.scopes.append(write_scope(new, arriving[scope]))
            run.move(arriving[scope].waited, "flatten", "extract")
        run.end(_outcome(run))
        if strict and run.outcome is Outcome.PARTIAL:
            run.end(Outcome.FAILED, "nothing is published unless everything is complete (--strict)")
        memory.give_back()
        if run.outcome is not Outcome.FAILED:
            with run.timed("load"):
                new.seal(created_at=now(), software=run.software, run=partial(_as_published, run))
    if run.outcome is not Outcome.FAILED:
        run.snapshot = run.run_id if new.is_changed or previous is None else previous.id
        observe(Event("published" if new.is_changed else "unchanged", detail=run.snapshot))
    memory.give_back()
    return conclude(settings, lake, run, new.doubt)


def _outcome(run: RunRecord) -> Outcome:
    """Complete, partial, or failed: nothing to publish because no scope was listed to its end."""
    whole = all(scope.outcome is Outcome.COMPLETE for scope in run.scopes)
    if whole and not any(detail.outcome is Outcome.FAILED for scope in run.scopes for detail in scope.details):
        return Outcome.COMPLETE
    listed = any(scope.outcome is Outcome.COMPLETE or scope.versions or scope.projects for scope in run.scopes)
    return Outcome.PARTIAL if listed else Outcome.FAILED


def _as_published(run: RunRecord) -> dict[str, object]:
    """Return the record for the snapshot to carry: should the run be killed just after publishing, it has no other."""
    return {**run.document, "snapshot": run.run_id}


def _arguments(settings: Settings) -> dict[str, object]:
    """Return what the run was asked to do; nothing secret is among the settings (an external id is none, but near)."""
    aws = asdict(settings.aws)
    wanted = {name: aws[name] for name in aws.keys() - {"said", "external_id"}}
    return {"lake": settings.lake, **dict(sorted(wanted.items())), "resume_within": settings.resume_within}

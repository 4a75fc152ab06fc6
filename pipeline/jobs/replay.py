"""Replay: publish the pages that a run landed, without asking AWS. It is the second half of a sync."""

from __future__ import annotations

from functools import partial

from pipeline import landing
from pipeline.errors import LakeError, ScopeError
from pipeline.jobs import recovery
from pipeline.jobs.events import Event, Observer
from pipeline.jobs.publish import publish
from pipeline.jobs.run_context import Result, run_context
from pipeline.jobs.scope_listing import Listing
from pipeline.lake import RAW, open_lake, run_log, snapshot
from pipeline.lake.run_record import RunRecord, ScopeRecord, has_published
from pipeline.lake.snapshot import Source
from pipeline.landing import LandedScope
from pipeline.settings import Settings


def replay(settings: Settings, run_id: str, observe: Observer) -> Result:
    """Flatten and publish the pages that a run landed.

    A scope whose rows were listed later than in that run keeps them: history goes forward only. LakeError if nothing
    of that run is there; BusyError if another writer has the lake.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    found = landing.landed(lake, run_id)
    run = RunRecord.begin("replay", {"run": run_id})
    with run_context(lake, run):
        previous = recovery.recover(lake)
        observe(Event("started", detail=f"replaying {len(found)} landed scopes of run {run_id}"))
        shown = previous.sources if previous else {}
        listings = {landed.scope: partial(_listing, landed, shown.get(landed.scope)) for landed in found}
        return publish(settings, lake, run, previous, listings, observe)


def replayable(settings: Settings) -> list[str]:
    """Return the runs whose landed pages can be published, oldest first.

    Not those whose record says that they did not publish, nor those that have no scope to its end that is as new as the
    rows that are there. LakeError if there is none.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    published = snapshot.find(lake)
    shown = {scope: source.listed_at for scope, source in published.sources.items()} if published else {}
    found = [
        run_id
        for run_id in lake.entries(RAW)
        if ((record := run_log.read(lake, run_id)) is None or has_published(record))
        and any(
            landed.complete and landed.listed_at >= shown.get(landed.scope, landed.listed_at)
            for landed in (landing.scope_file(lake, run_id, scope) for scope in landing.scopes_of(lake, run_id))
        )
    ]
    if not found:
        raise LakeError(f"{lake}: no run has landed pages here that are as new as its rows. Name one to see why.")
    return found


def _listing(landed: LandedScope, shown: Source | None) -> Listing:
    """Return a landed scope as a listing that has ended; `shown` is where the scope's rows come from now."""
    record = ScopeRecord.of(landed.scope)
    if not landed.complete:
        reason = f"{landed.path}: the scope was not listed to its end in that run; its last complete rows stay."
        record.fail(ScopeError(reason, kind="incomplete"))
        return Listing(None, record)
    if shown and landed.listed_at < shown.listed_at and landed.run_id != shown.run_id:
        reason = (
            f"{landed.scope}: run {landed.run_id} listed it at {landed.listed_at:%FT%TZ}, and the rows there are of "
            f"{shown.listed_at:%FT%TZ}: a replay does not go back. Replay the runs in their order into a new lake, or "
            "use `reklake rollback`."
        )
        record.fail(ScopeError(reason, kind="older"))
        return Listing(None, record)
    return Listing.resumed(landed)

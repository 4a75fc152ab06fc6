"""Replay: publish the pages that a run landed, without calling AWS. It is the second half of a sync."""

from __future__ import annotations

from functools import partial

from pipeline import landing
from pipeline.errors import LakeError, ScopeError
from pipeline.jobs import recovery
from pipeline.jobs.events import Event, Observer
from pipeline.jobs.memory import use_one_heap
from pipeline.jobs.publish import publish
from pipeline.jobs.run_context import RunResult, run_context
from pipeline.jobs.scope_listing import Listing
from pipeline.lake import RAW, open_lake, run_log, snapshot
from pipeline.lake.run_record import RunRecord, ScopeRecord, has_published
from pipeline.lake.snapshot import Source
from pipeline.landing import LandedScope
from pipeline.settings import Settings


def replay(settings: Settings, run_id: str, observe: Observer) -> RunResult:
    """Flatten and publish the pages that a run landed.

    A scope whose published rows were listed later than in that run keeps them: history goes forward only. LakeError if
    the run has no landed pages; BusyError if another writer has the lake.
    """
    use_one_heap()
    lake = open_lake(settings.lake, settings.aws.profile)
    found = landing.landed_scopes(lake, run_id)
    run = RunRecord.begin("replay", {"run": run_id})
    with run_context(lake, run):
        previous = recovery.recover(lake)
        observe(Event("started", detail=f"replaying {len(found)} landed scopes of run {run_id}"))
        published = previous.sources if previous else {}
        listings = {landed.scope: partial(_listing, landed, published.get(landed.scope)) for landed in found}
        return publish(settings, lake, run, previous, listings, observe)


def replayable(settings: Settings) -> list[str]:
    """Return the runs whose landed pages can be published, oldest first.

    Runs whose record says that they did not publish are left out, and so are runs without a complete scope that is at
    least as new as its published rows. LakeError if there is none.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    published = snapshot.find(lake)
    listed_at = {scope: source.listed_at for scope, source in published.sources.items()} if published else {}
    found = [
        run_id
        for run_id in lake.entries(RAW)
        if ((record := run_log.read(lake, run_id)) is None or has_published(record))
        and any(
            landed.complete and landed.listed_at >= listed_at.get(landed.scope, landed.listed_at)
            for landed in (landing.scope_file(lake, run_id, scope) for scope in landing.scopes_of(lake, run_id))
        )
    ]
    if not found:
        raise LakeError(f"{lake}: no run has landed pages as new as the published rows. Name a run to see why.")
    return found


def _listing(landed: LandedScope, published: Source | None) -> Listing:
    """Return a landed scope as a listing that has ended; `published` is the source of the scope's published rows."""
    record = ScopeRecord.of(landed.scope)
    if not landed.complete:
        reason = f"{landed.path}: the run did not list the scope to its end; its published rows stay."
        record.fail(ScopeError(reason, kind="incomplete"))
        return Listing(None, record)
    if published and landed.listed_at < published.listed_at and landed.run_id != published.run_id:
        reason = (
            f"{landed.scope}: run {landed.run_id} listed it at {landed.listed_at:%FT%TZ}, but the published rows are "
            f"from {published.listed_at:%FT%TZ}, and a replay does not go back. Replay the runs in order into a new "
            "lake, or use `reklake rollback`."
        )
        record.fail(ScopeError(reason, kind="older"))
        return Listing(None, record)
    return Listing.resumed(landed)

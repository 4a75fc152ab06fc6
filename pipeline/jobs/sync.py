"""A sync: list every scope side by side, land the pages, then take them scope by scope into the next snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from pipeline import landing
from pipeline.errors import BusyError
from pipeline.extract import Lister, Sessions, Target, plan
from pipeline.jobs import recovery
from pipeline.jobs.events import Event, Observer, Outlook
from pipeline.jobs.memory import use_one_heap
from pipeline.jobs.publish import publish
from pipeline.jobs.run_context import RunResult, run_context
from pipeline.jobs.scope_listing import Listing, ScopeListing
from pipeline.lake import Lake, open_lake, snapshot
from pipeline.lake.run_record import RunRecord
from pipeline.lake.snapshot import Snapshot
from pipeline.model.operations import DEFAULT_DETAILS
from pipeline.model.page import Scope
from pipeline.settings import Settings


def sync(settings: Settings, observe: Observer, *, strict: bool = False) -> RunResult:
    """List every scope and publish what was found. Scopes that could not be listed keep their previous rows.

    With `strict`, nothing is published unless every scope was listed to its end; the next sync then resumes from the
    scopes that were.

    Raises UsageError, before anything is asked or written, if the settings cannot be carried out; BusyError if another
    writer has the lake; FatalError if the lake cannot be read or written. Failed scopes raise nothing: the record
    has them.
    """
    use_one_heap()
    lake = open_lake(settings.lake, settings.aws.profile)
    snapshot.check_usable(lake)
    if holder := lake.holder():
        raise BusyError(f"{lake}: is in use: {holder}. Run again when it has ended.")
    sessions = Sessions(settings.aws)
    planned = plan(settings.aws, sessions)
    targets = sorted(planned.targets, key=lambda target: target.scope)
    run = RunRecord.begin("sync", _arguments(settings))
    run.left_out = {account.account_id: account.reason for account in planned.left_out}
    with run_context(lake, run), Lister(sessions) as lister:
        previous = recovery.recover(lake)
        observe(_started(run, settings, targets, previous, lister))
        listings: dict[Scope, Callable[[], Listing]] = {}
        for scope, listing in _resume(settings, lake, run, previous, targets, observe).items():
            listings[scope] = partial(_known, listing)
        for target in targets:
            if target.scope not in listings:
                pages = ScopeListing(
                    lake,
                    run.run_id,
                    target.scope,
                    observe,
                    are_details_named=settings.aws.details is not None,
                )
                listings[target.scope] = lister.begin(target, pages).result
        return publish(settings, lake, run, previous, listings, observe, strict=strict)


def _resume(
    settings: Settings,
    lake: Lake,
    run: RunRecord,
    previous: Snapshot | None,
    targets: Sequence[Target],
    observe: Observer,
) -> dict[Scope, Listing]:
    """Take over what dead runs have listed but not published, and clear the rest of what they left."""
    details = set(DEFAULT_DETAILS if settings.aws.details is None else settings.aws.details)
    within = timedelta(seconds=settings.resume_within)
    resumable = {
        scope: landed
        for scope, landed in recovery.resumable(lake, within, previous).items()
        if details <= landed.details
    }
    resumed: dict[Scope, Listing] = {}
    for scope in [target.scope for target in targets if target.scope in resumable]:
        found = resumable.pop(scope)
        resumed[scope] = Listing.resumed(landing.take_over(lake, found, run.run_id), found.run_id)
        message = f"not listed again: run {found.run_id} listed it at {found.listed_at:%FT%TZ}"
        observe(Event("resumed", scope, message))
    recovery.clear_dead_runs(lake, run.run_id, previous, resumable.values())
    return resumed


def _known(listing: Listing) -> Listing:
    """Return a resumed listing where `publish` would wait for one that is under way."""
    return listing


def _started(
    run: RunRecord, settings: Settings, targets: Sequence[Target], previous: Snapshot | None, lister: Lister
) -> Event:
    message = f"{len(targets)} scope{'s' if len(targets) != 1 else ''}, run {run.run_id}"
    expected = {scope: source.pages for scope, source in previous.sources.items()} if previous else {}
    outlook = Outlook(len(targets), expected, settings.aws.rate, lister.reading)
    return Event("started", None, message, facts={"scopes": len(targets), "run_id": run.run_id}, outlook=outlook)


def _arguments(settings: Settings) -> dict[str, object]:
    """Return the settings of the run for its record, without the external id, which is close to a secret."""
    aws = asdict(settings.aws)
    wanted = {name: aws[name] for name in aws.keys() - {"external_id"}}
    return {"lake": settings.lake, **dict(sorted(wanted.items())), "resume_within": settings.resume_within}

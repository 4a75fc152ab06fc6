"""What a sync would query, and how long AWS's quota makes it at least: from the plan and from the last listings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.extract import Plan, Sessions, plan
from pipeline.extract.organization import LeftOut
from pipeline.extract.pacing import BURST_SECONDS
from pipeline.extract.targets import Target
from pipeline.lake import Lake, open_lake, run_log, snapshot
from pipeline.lake.snapshot import Source
from pipeline.model.operations import DEFAULT_DETAILS, DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings, Settings


@dataclass(frozen=True, slots=True)
class LastListing:
    """The listing that a scope's published rows come from.

    `calls` are those of each operation; under "" stand all together where the run's record does not tell them apart.
    `details` are those that were listed whole.
    """

    calls: Mapping[str, int]
    projects: int
    versions: int
    details: frozenset[str]
    listed_at: datetime

    @classmethod
    def of(cls, source: Source, calls: Mapping[str, int]) -> LastListing:
        """Return the listing of a source; a listing that was taken over has no calls of its own, but pages."""
        details = frozenset(name for name, detail in source.details.items() if detail.run_id == source.run_id)
        return cls(calls or {"": source.pages}, source.projects, source.versions, details, source.listed_at)


@dataclass(frozen=True, slots=True)
class Expected:
    """A scope, its last listing (None: never listed), and how long as much takes at the quota, in seconds.

    `is_low` says that a detail is wanted now that was not listed then, so that its calls are not counted.
    """

    target: Target
    last: LastListing | None = None
    calls: int | None = None
    seconds: float | None = None
    is_low: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of every scope, in the order of the scopes, and the accounts that are not asked."""

    scopes: tuple[Expected, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def unknown(self) -> int:
        """How many scopes were never listed."""
        return sum(scope.last is None for scope in self.scopes)

    @property
    def calls(self) -> int:
        """The calls that are expected of the scopes that were listed before."""
        return sum(scope.calls or 0 for scope in self.scopes)

    @property
    def is_low(self) -> bool:
        """Whether something is not counted: a scope, or a detail."""
        return self.unknown > 0 or any(scope.is_low for scope in self.scopes)

    @property
    def slowest(self) -> Expected | None:
        """The scope that takes longest, which is how long all take: they are listed side by side."""
        known = [scope for scope in self.scopes if scope.seconds is not None]
        return max(known, key=lambda scope: scope.seconds or 0.0, default=None)


def forecast(settings: Settings) -> Forecast:
    """Plan a sync without listing anything; UsageError if the settings cannot be carried out.

    Asks STS and Organizations as a sync does, and reads the lake; there need not be one yet. LakeError if it is
    damaged.
    """
    planned = plan(settings.aws, Sessions(settings.aws))
    listings = last_listings(open_lake(settings.lake, settings.aws.profile))
    return expect(planned, listings, settings.aws)


def last_listings(lake: Lake) -> dict[Scope, LastListing]:
    """Return for each scope the listing that its published rows come from."""
    published = snapshot.find(lake)
    sources = published.sources if published else {}
    calls: dict[tuple[str, Scope], Mapping[str, int]] = {}
    for run_id in {source.run_id for source in sources.values()}:
        for scope in (run_log.read(lake, run_id) or {"scopes": ()})["scopes"]:
            calls[run_id, Scope(scope["region"], scope["account_id"])] = scope.get("calls_by_operation") or {}
    return {scope: LastListing.of(source, calls.get((source.run_id, scope), {})) for scope, source in sources.items()}


def expect(planned: Plan, listings: Mapping[Scope, LastListing], settings: AwsSettings) -> Forecast:
    """Work out what to expect of a plan, given the last listings."""
    scopes = tuple(_expected(target, listings.get(target.scope), settings) for target in planned.targets)
    return Forecast(scopes, planned.left_out)


def shortest(calls: Iterable[int], rate: float, burst: float | None) -> float:
    """Return the seconds in which so many calls of each operation can leave: operations do not wait for one another."""
    at_once = max(1.0, rate * BURST_SECONDS if burst is None else burst)
    return max((max(0.0, (count - at_once) / rate) for count in calls), default=0.0)


def _expected(target: Target, last: LastListing | None, settings: AwsSettings) -> Expected:
    if last is None:
        return Expected(target)
    details = DEFAULT_DETAILS if settings.details is None else settings.details
    wanted = {"", DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS, *(DETAILS[detail] for detail in details)}
    calls = [count for operation, count in last.calls.items() if operation in wanted]
    seconds = round(shortest(calls, settings.rate, settings.burst), 1)
    is_low = any(detail not in last.details and DETAILS[detail] not in last.calls for detail in details)
    return Expected(target, last, sum(calls), seconds, is_low=is_low)

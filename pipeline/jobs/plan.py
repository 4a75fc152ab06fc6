"""What a sync would ask, and how long AWS's quota makes it at least: from the plan and from what was listed before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.extract import Plan, Sessions, plan
from pipeline.extract.organization import LeftOut
from pipeline.extract.pacing import BURST_SECONDS
from pipeline.extract.targets import Target
from pipeline.lake import open_lake, run_log
from pipeline.lake.run_record import Outcome
from pipeline.model.operations import (
    DEFAULT_DETAILS,
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    DETAILS,
)
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings, Settings

RECORDS = 200
"""So many of the last runs are looked at: a scope that none of them listed counts as never listed."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Which way an expected number may be wrong, beside what has changed since."""

    is_low: bool = False
    """Something is not counted in it."""
    is_high: bool = False
    """It is only known that it is not more."""

    def __str__(self) -> str:
        if self.is_low == self.is_high:
            return "about"
        return "at least" if self.is_low else "at most"


@dataclass(frozen=True, slots=True)
class Expected:
    """One scope, what its last complete listing suggests, and the shortest time in which the quota allows as much.

    All None if it was never listed. `bound` is of the seconds; the calls are at least so many where it is low.
    """

    target: Target
    calls: int | None = None
    seconds: float | None = None
    bound: Bound = Bound()
    projects: int | None = None
    versions: int | None = None
    listed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of every scope, in the order of the scopes, and the accounts that are not asked."""

    scopes: tuple[Expected, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def unknown(self) -> int:
        """How many scopes were never listed."""
        return sum(one.calls is None for one in self.scopes)

    @property
    def calls(self) -> int:
        """The calls that are expected of the scopes that were listed before."""
        return sum(one.calls or 0 for one in self.scopes)

    @property
    def calls_bound(self) -> Bound:
        """At least so many, if a scope or a detail was not counted."""
        return Bound(is_low=self.unknown > 0 or any(one.bound.is_low for one in self.scopes))

    @property
    def slowest(self) -> Expected | None:
        """The scope that takes longest, which is how long all take: they are listed side by side."""
        known = [one for one in self.scopes if one.seconds is not None]
        return max(known, key=lambda one: one.seconds or 0.0, default=None)

    @property
    def seconds_bound(self) -> Bound:
        """At least as long, if a scope was not counted, which may be slower; at most, if operations were not told."""
        return Bound(is_low=self.calls_bound.is_low, is_high=bool(self.slowest and self.slowest.bound.is_high))


def forecast(settings: Settings) -> Forecast:
    """Plan a sync without listing anything; UsageError if the settings cannot be carried out.

    Asks STS and Organizations as a sync does, and reads the lake's run records; there need not be a lake yet.
    """
    planned = plan(settings.aws, Sessions(settings.aws))
    lake = open_lake(settings.lake, settings.aws.profile)
    return expect(planned, islice(run_log.newest_first(lake), RECORDS), settings.aws)


def expect(planned: Plan, newest_first: Iterable[Mapping[str, Any]], settings: AwsSettings) -> Forecast:
    """Work out what to expect of a plan, given the records of runs."""
    listed = _last_listings({target.scope for target in planned.targets}, newest_first)
    return Forecast(
        tuple(_expected(target, listed.get(target.scope), settings) for target in planned.targets), planned.left_out
    )


def shortest(calls: Sequence[int], rate: float, burst: float | None) -> float:
    """Return the seconds in which so many calls of each operation can leave: operations do not wait for one another."""
    at_once = max(1.0, rate * BURST_SECONDS if burst is None else burst)
    return max((max(0.0, (count - at_once) / rate) for count in calls), default=0.0)


def _last_listings(scopes: set[Scope], newest_first: Iterable[Mapping[str, Any]]) -> dict[Scope, Mapping[str, Any]]:
    """Return for each scope the newest record of it that tells what a whole listing took.

    Replays, and listings that were taken over from another run, took no calls of their own.
    """
    found: dict[Scope, Mapping[str, Any]] = {}
    for document in newest_first:
        for one in document["scopes"]:
            scope = Scope(one["region"], one["account_id"])
            if scope in scopes and scope not in found and one["outcome"] == Outcome.COMPLETE and _calls(one):
                found[scope] = one
        if len(found) == len(scopes):
            break
    return found


def _calls(listed: Mapping[str, Any]) -> int:
    """Return the calls that a listing needs: without those that had to be repeated, and one a page at least."""
    return max(int(listed.get("calls", 0)) - int(listed.get("retries", 0)), int(listed.get("pages", 0)))


def _expected(target: Target, listed: Mapping[str, Any] | None, settings: AwsSettings) -> Expected:
    if listed is None:
        return Expected(target)
    wanted = DEFAULT_DETAILS if settings.details is None else settings.details
    told = {one["detail"] for one in listed.get("details") or ()}
    needed, made = _calls(listed), int(listed.get("calls", 0))
    by_operation = listed.get("calls_by_operation") or {}
    if by_operation:
        share = needed / made if made > needed else 1.0  # which calls were repeated is not told by operation
        operations = {DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS, *(DETAILS[detail] for detail in wanted)}
        counts = [round(count * share) for name, count in by_operation.items() if name in operations]
    else:
        counts = [needed]
    return Expected(
        target,
        calls=sum(counts),
        seconds=round(shortest(counts, settings.rate, settings.burst), 1),
        bound=Bound(is_low=not told.issuperset(wanted), is_high=not by_operation),
        projects=listed.get("projects"),
        versions=listed.get("versions"),
        listed_at=listed.get("listed_at"),
    )

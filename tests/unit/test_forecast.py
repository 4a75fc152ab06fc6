"""What a sync is expected to take, from the plan and the last listings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.cli.preflight import totals
from pipeline.extract import Plan, Target
from pipeline.extract.organization import LeftOut
from pipeline.extract.targets import Caller
from pipeline.jobs.plan import Forecast, LastListing, expect, shortest
from pipeline.model.operations import DESCRIBE_DATASET, DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings

FIRST, SECOND = "111122223333", "444455556666"
REGION = "us-east-1"
SETTINGS = AwsSettings(rate=5.0, burst=1.0)
CALLS = {DESCRIBE_PROJECTS: 2, DESCRIBE_PROJECT_VERSIONS: 101, DESCRIBE_DATASET: 51}
DATASETS = frozenset({"datasets"})
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def planned(*accounts: str, left_out: tuple[LeftOut, ...] = ()) -> Plan:
    targets = tuple(Target(Scope(REGION, account), Caller(account, None, None, REGION)) for account in accounts)
    return Plan(targets, left_out)


def listing(calls: dict[str, int], details: frozenset[str] = DATASETS) -> LastListing:
    return LastListing(calls, 3, 7, details, NOON)


def expected(*listings: LastListing | None, settings: AwsSettings = SETTINGS) -> Forecast:
    """What is expected of an account for each of the listings; None for one that was never listed."""
    accounts = (FIRST, SECOND)[: len(listings)]
    known = {Scope(REGION, account): last for account, last in zip(accounts, listings, strict=True) if last}
    return expect(planned(*accounts), known, settings)


@pytest.mark.parametrize(
    ("calls", "rate", "burst", "seconds"),
    [
        ([], 5.0, None, 0.0),
        ([1], 5.0, 1.0, 0.0),
        ([11], 5.0, 1.0, 2.0),
        ([11, 101, 3], 5.0, 1.0, 20.0),
        ([11], 5.0, 6.0, 1.0),
        ([11], 5.0, 20.0, 0.0),
        ([49.5], 10.0, None, 4.0),
        ([3], 0.5, None, 4.0),
        ([3], 0.5, 0.1, 4.0),
    ],
)
def test_the_shortest_time_is_that_of_the_operation_with_the_most_calls(
    calls: list[int], rate: float, burst: float | None, seconds: float
):
    assert shortest(calls, rate, burst) == pytest.approx(seconds)


def test_the_calls_of_the_last_listing_are_expected_again():
    (found,) = expected(listing(CALLS)).scopes
    assert (found.calls, found.seconds, found.is_low) == (154, 20.0, False)


def test_a_detail_that_is_not_wanted_any_more_costs_nothing():
    (found,) = expected(listing(CALLS), settings=AwsSettings(rate=5.0, burst=1.0, details=())).scopes
    assert (found.calls, found.is_low) == (103, False)


def test_a_detail_that_was_not_listed_then_is_not_counted():
    found = expected(listing(CALLS), settings=AwsSettings(details=("datasets", "tags")))
    assert found.scopes[0].calls == 154
    assert found.is_low


@pytest.mark.parametrize("last", [listing({DESCRIBE_PROJECTS: 1}), listing(CALLS, frozenset())])
def test_a_detail_without_resources_and_one_that_is_denied_are_counted(last: LastListing):
    assert not expected(last).is_low


def test_calls_that_are_not_told_apart_count_as_those_of_one_operation():
    (found,) = expected(listing({"": 101})).scopes
    assert (found.calls, found.seconds) == (101, 20.0)


def test_the_slowest_scope_takes_as_long_as_all():
    found = expected(listing({DESCRIBE_PROJECTS: 20}), listing({DESCRIBE_PROJECTS: 30}))
    assert found.slowest == found.scopes[1]
    assert (found.calls, found.unknown) == (50, 0)


def test_what_was_never_listed_is_unknown():
    found = expected(listing({DESCRIBE_PROJECTS: 10}), None)
    assert [scope.calls for scope in found.scopes] == [10, None]
    assert (found.unknown, found.calls, found.is_low) == (1, 10, True)


def test_the_summary_says_what_is_known():
    whole = expected(listing(CALLS | {DESCRIBE_PROJECTS: 1002}))
    assert "\n".join(totals(whole, 5.0)) == (
        "1 scope: 1 account, 1 region\n"
        "about 1,154 calls; at 5 a second for each operation, account and region the shortest time is about "
        "3 min 20 s (111122223333/us-east-1)"
    )
    some = totals(expected(listing({DESCRIBE_PROJECTS: 1}), None), 5.0)
    assert some[0] == "2 scopes: 2 accounts, 1 region; 1 never listed before"
    assert some[1].startswith("at least 1 call; at 5 a second")
    none = expect(planned(FIRST, SECOND, left_out=(LeftOut("777788889999", "it is suspended"),)), {}, SETTINGS)
    assert none.slowest is None
    assert totals(none, 5.0) == [
        "2 scopes: 2 accounts, 1 region; none was listed before",
        "account 777788889999 is left out: it is suspended",
    ]

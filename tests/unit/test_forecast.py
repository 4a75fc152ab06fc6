from __future__ import annotations

from typing import Any

import pytest

from pipeline.cli.planning import summary
from pipeline.extract import Plan, Target
from pipeline.extract.organization import LeftOut
from pipeline.extract.targets import Caller
from pipeline.jobs.plan import Bound, Forecast, expect, shortest
from pipeline.model.operations import DESCRIBE_DATASET, DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings

ONE, TWO = "111122223333", "444455556666"
REGION = "us-east-1"
SETTINGS = AwsSettings(rate=5.0, burst=1.0)
BOTH = {DESCRIBE_PROJECTS: 2, DESCRIBE_PROJECT_VERSIONS: 101, DESCRIBE_DATASET: 51}
DATASETS = [{"detail": "datasets", "outcome": "complete"}]


def planned(*accounts: str, left_out: tuple[LeftOut, ...] = ()) -> Plan:
    targets = tuple(Target(Scope(REGION, one), Caller(one, None, None, REGION)) for one in accounts)
    return Plan(targets, left_out)


def scope(account: str = ONE, **told: Any) -> dict[str, Any]:
    return {"account_id": account, "region": REGION, "outcome": "complete", "calls": 10, "pages": 10} | told


def run(*scopes: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": "complete", "kind": "sync", "scopes": list(scopes)}


def expected(*runs: dict[str, Any], settings: AwsSettings = SETTINGS, accounts: tuple[str, ...] = (ONE,)) -> Forecast:
    return expect(planned(*accounts), runs, settings)


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


def test_calls_by_operation_are_exact():
    (one,) = expected(run(scope(calls=154, calls_by_operation=BOTH, details=DATASETS, projects=3, versions=7))).scopes
    assert (one.calls, one.seconds, one.bound) == (154, 20.0, Bound())
    assert (one.projects, one.versions) == (3, 7)


def test_repeated_calls_are_taken_off():
    (one,) = expected(
        run(
            scope(
                calls=308,
                retries=154,
                calls_by_operation={name: count * 2 for name, count in BOTH.items()},
                details=DATASETS,
            )
        )
    ).scopes
    assert (one.calls, one.seconds) == (154, 20.0)
    (old,) = expected(run(scope(calls=108, retries=7, pages=100))).scopes
    assert old.calls == 101


def test_a_detail_that_is_not_asked_for_any_more_costs_nothing():
    before = run(scope(calls=154, calls_by_operation=BOTH, details=DATASETS))
    (one,) = expected(before, settings=AwsSettings(rate=5.0, burst=1.0, details=())).scopes
    assert (one.calls, one.bound) == (103, Bound())


def test_a_detail_that_was_not_asked_for_then_is_not_counted():
    before = run(scope(calls=154, calls_by_operation=BOTH, details=DATASETS))
    found = expected(before, settings=AwsSettings(details=("datasets", "tags")))
    assert found.scopes[0].bound == Bound(is_low=True)
    assert str(found.calls_bound) == str(found.seconds_bound) == "at least"


def test_a_total_is_the_most_that_one_operation_can_have():
    found = expected(run(scope(calls=101)), settings=AwsSettings(rate=5.0, burst=1.0, details=()))
    assert (found.scopes[0].calls, found.scopes[0].seconds) == (101, 20.0)
    assert str(found.calls_bound) == "about"
    assert str(found.seconds_bound) == "at most"
    default = expected(run(scope(calls=101)))  # whose datasets are not counted
    assert str(default.calls_bound) == "at least"
    assert str(default.seconds_bound) == "about"


def test_the_newest_complete_listing_of_each_scope_counts():
    newest_first = (
        run(scope(outcome="failed", calls=1)),
        run(scope(calls=0, pages=0), scope(TWO, calls=30)),  # one was taken over, or replayed
        run(scope(calls=20), scope(TWO, calls=40)),
        run(scope(calls=10)),
    )
    found = expected(*newest_first, accounts=(ONE, TWO))
    assert [one.calls for one in found.scopes] == [20, 30]
    assert found.slowest == found.scopes[1]
    assert found.unknown == 0


def test_records_are_read_until_every_scope_is_known():
    def records():
        yield run(scope())
        raise AssertionError("nobody needs an older one")

    assert expect(planned(ONE), records(), SETTINGS).calls == 10


def test_what_was_never_listed_is_unknown():
    found = expected(run(scope(calls_by_operation={DESCRIBE_PROJECTS: 10}, details=DATASETS)), accounts=(ONE, TWO))
    assert [one.calls for one in found.scopes] == [10, None]
    assert (found.unknown, found.calls, str(found.calls_bound), str(found.seconds_bound)) == (
        1,
        10,
        "at least",
        "at least",
    )


def test_the_summary_says_what_is_known():
    whole = expected(run(scope(calls=1154, calls_by_operation=BOTH | {DESCRIBE_PROJECTS: 1002}, details=DATASETS)))
    assert "\n".join(summary(whole, 5.0)) == (
        "1 scope: 1 account, 1 region\n"
        "about 1,154 calls; at 5 a second for each operation, account and region the shortest time is about "
        "3 min 20 s (111122223333/us-east-1)"
    )
    some = expected(run(scope(calls=1, pages=1)), accounts=(ONE, TWO))
    assert summary(some, 5.0)[0] == "2 scopes: 2 accounts, 1 region; 1 never listed before"
    assert summary(some, 5.0)[1].startswith("at least 1 call; at 5 a second")
    none = expect(planned(ONE, TWO, left_out=(LeftOut("777788889999", "it is suspended"),)), (), SETTINGS)
    assert none.slowest is None
    assert summary(none, 5.0) == [
        "2 scopes: 2 accounts, 1 region; none was listed before",
        "account 777788889999 is left out: it is suspended",
    ]

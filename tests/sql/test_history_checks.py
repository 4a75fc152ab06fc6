"""Each check of the histories finds what it is for in each table, and names the row."""

from __future__ import annotations

import pytest

from pipeline.model import TABLES
from pipeline.query import checks
from tests.sql import lakes

CHECKS = {check.name: check for check in checks.all_checks() if check.name.startswith("history_")}
ONE_ROW = {
    "projects": {"project_name": "p"},
    "datasets": {"dataset_arn": "p/d"},
    "project_versions": {"version_name": "v"},
    "version_assets": {"project_version_arn": "p/v", "stage": "output", "asset_index": "3"},
    "dataset_statistics": {"dataset_arn": "p/d"},
    "resource_tags": {"resource_arn": "p/v", "tag_key": "team"},
    "project_policies": {"policy_name": "share"},
}
PLACE = {
    "projects": (lakes.arn("p"), None),
    "datasets": (lakes.arn("p/d"), None),
    "project_versions": (lakes.arn("p/v"), None),
    "version_assets": (lakes.arn("p/v"), "training/output/3"),
    "dataset_statistics": (lakes.arn("p/d"), None),
    "resource_tags": (lakes.arn("p/v"), "team"),
    "project_policies": (lakes.arn("p"), "share"),
}
VALUES = {"string": ("a", "b"), "int64": ("1", "2"), "double": ("0.1", "0.2"), "bool": ("0", "1")}
INSTANTS = ("2020-01-01 00:00:00Z", "2020-01-01 00:00:00.000001Z")


def values_of(column):
    return VALUES.get(str(column.type), INSTANTS)


def state(table, start, end=None, extra=None, **values):
    """Return a state that began and ended on days of June 2024."""
    begins, ends = (day and f"2024-06-{day:02} 00:00:00Z" for day in (start, end))
    return ONE_ROW[table] | {"extra": extra, "valid_from": begins, "valid_to": ends} | values


def found(lake, name):
    with lakes.asked(lake) as con:
        return checks.run_check(con, CHECKS[name])


def check(lake, name, table, *states, runs=()):
    lakes.make(lake, {f"history.{table}": list(states)}, runs)
    result = found(lake, name)
    rows = result.sample.to_pylist()
    assert {(row["table_name"], row["arn"], row["item"]) for row in rows} <= {(table, *PLACE[table])}
    return result.rows


@pytest.fixture(params=[table.name for table in TABLES])
def table(request):
    return request.param


@pytest.mark.parametrize("name", CHECKS)
def test_a_life_of_changes_passes(name, table, place):
    runs = [lakes.run_record(f"r{day}", at=f"2024-06-{day:02}T00:00:00Z", scopes=[{}]) for day in (1, 2, 3, 5, 8)]
    states = [state(table, 1, 2, "a"), state(table, 2, 3, "b"), state(table, 5, 8, "b"), state(table, 8, None, "a")]
    assert check(place, name, table, *states, runs=runs) == 0


def test_states_that_overlap_are_found(table, place):
    assert check(place, "history_overlap", table, state(table, 1, 3), state(table, 2, None, "a")) == 1


def test_states_within_another_are_found(table, place):
    states = [state(table, 1, 9), state(table, 2, 3, "a"), state(table, 4, 5, "b"), state(table, 9)]
    assert check(place, "history_overlap", table, *states) == 2


def test_a_state_within_one_that_lasts_is_found(table, place):
    assert check(place, "history_overlap", table, state(table, 1), state(table, 2, 3)) == 1


def test_a_state_without_a_beginning_is_found(table, place):
    assert check(place, "history_order", table, state(table, None)) == 1


def test_a_state_that_did_not_last_is_found(table, place):
    assert check(place, "history_order", table, state(table, 2, 2), state(table, 3, 1), state(table, 4, 5)) == 2


def test_a_change_between_listings_is_found(table, place):
    runs = [lakes.run_record(f"r{day}", at=f"2024-06-{day:02}T00:00:00Z", scopes=[{}]) for day in (1, 3)]
    states = [state(table, 1, 2, "a"), state(table, 2, 3, "b"), state(table, 3)]
    assert check(place, "history_gap", table, *states, runs=runs) == 2


def test_only_published_listings_of_the_scope_count(table, place):
    runs = [
        lakes.run_record("r1", at="2024-06-01T00:00:00Z", scopes=[{}]),
        lakes.run_record("r2", at="2024-06-02T00:00:00Z", scopes=[{"outcome": "failed"}], outcome="partial"),
        lakes.run_record("r3", at="2024-06-03T00:00:00Z", scopes=[{}], outcome="failed"),
        lakes.run_record("r4", at="2024-06-04T00:00:00Z", scopes=[{"region": "eu-west-1"}]),
    ]
    states = [state(table, 1, 2, "a"), state(table, 2, 3, "b"), state(table, 3, 4, "c"), state(table, 4)]
    # at each of the three later instants a state ended and the next began
    assert check(place, "history_gap", table, *states, runs=runs) == 3 * 2


def test_a_run_that_took_pages_of_an_earlier_one_tells_their_instant(table, place):
    listed = {"listed_at": "2024-06-02T00:00:00Z", "resumed_from": "dead"}
    runs = [
        lakes.run_record("r1", at="2024-06-01T00:00:00Z", scopes=[{}]),
        lakes.run_record("r2", at="2024-06-03T00:00:00Z", scopes=[listed]),
    ]
    assert check(place, "history_gap", table, state(table, 1, 2), state(table, 2), runs=runs) == 0


def test_what_is_older_than_the_records_passes(table, place):
    runs = [
        lakes.run_record("old", at="2024-06-04T00:00:00Z", scopes=[{"listed_at": None}]),
        lakes.run_record("r5", at="2024-06-05T00:00:00Z", scopes=[{}]),
        # a rollback may name a listing whose own record is gone
        lakes.run_record(
            "r6", kind="rollback", at="2024-06-06T00:00:00Z", scopes=[{"listed_at": "2024-06-01T00:00:00Z"}]
        ),
    ]
    states = [state(table, 1, 2, "a"), state(table, 2, 3, "b"), state(table, 3, 5), state(table, 5, None, "a")]
    assert check(place, "history_gap", table, *states, runs=runs) == 0


def test_rows_of_tables_whose_keys_are_alike_do_not_stand_in_each_others_way(place):
    past, later = {"valid_from": INSTANTS[0], "valid_to": INSTANTS[1]}, {"valid_from": INSTANTS[1], "valid_to": None}
    alike = {
        "datasets": {"dataset_arn": "p"},
        "dataset_statistics": {"dataset_arn": "p"},
        "resource_tags": {"resource_arn": "p", "tag_key": "k"},
        "project_policies": {"project_arn": "p", "policy_name": "k"},
    }
    lakes.make(place, {f"history.{name}": [row | {"extra": "a"} | past, row | later] for name, row in alike.items()})
    assert {name: found(place, name).rows for name in CHECKS} == dict.fromkeys(CHECKS, 0)

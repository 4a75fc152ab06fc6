"""The views over run records: runs, run_scopes and scopes, with none, one and many records."""

from __future__ import annotations

import botocore.session
import pytest

from pipeline.lake import LocalLake, run_log
from pipeline.query import database
from pipeline.settings import Prices
from tests.sql import lakes

MAY, JUNE, JULY = "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z"
OK, BAD = {}, {"outcome": "failed", "error_kind": "denied", "error": "no access"}


def ask(lake, query):
    with lakes.asked(lake) as con:
        return lakes.texts(con.sql(query))


def scopes_after(lake, *runs):
    lakes.make(lake, runs=runs)
    rows = ask(lake, "from scopes order by account_id, region")
    return [
        [
            row["region"],
            row["outcome"],
            *(row[name] and row[name][:10] for name in ("last_complete_at", "stale_since")),
        ]
        for row in rows
    ]


@pytest.mark.parametrize("view", ["run_files", "run_rows", "runs", "run_scopes", "run_details", "scopes", "listings"])
def test_no_record_gives_no_row(view, place):
    lakes.make(place)
    assert ask(place, f"from {view}") == []


def test_a_record_is_read_whole(place):
    lakes.make(
        place,
        runs=[lakes.run_record("r1", at=JUNE, outcome="partial", scopes=[OK, BAD | {"region": "x"}])],
    )
    assert ask(place, "from runs") == [
        {
            "run_id": "r1",
            "kind": "sync",
            "outcome": "partial",
            "started_at": "2024-06-01 00:00:00+00",
            "ended_at": "2024-06-01 00:00:00+00",
            "snapshot": "20240630T000000Z",
            "scope_count": "2",
            "failed_scope_count": "1",
            "error": None,
            "extract_seconds": "1.0",
            "flatten_seconds": "0.5",
            "load_seconds": "0.25",
            "total_seconds": "2.0",
            "arguments": '{"regions":["us-east-1"]}',
            "software": '{"reklake":"0.1.0"}',
        }
    ]
    good, bad = ask(place, "from run_scopes order by outcome")
    assert good == {
        "run_id": "r1",
        "run_kind": "sync",
        "run_outcome": "partial",
        "run_started_at": "2024-06-01 00:00:00+00",
        "account_id": lakes.ACCOUNT,
        "region": lakes.REGION,
        "outcome": "complete",
        "error_kind": None,
        "error": None,
        "started_at": "2024-06-01 00:00:00+00",
        "ended_at": "2024-06-01 00:00:00+00",
        "listed_at": "2024-06-01 00:00:00+00",
        "resumed_from": None,
        "seconds": "1.5",
        "calls": "3",
        "retries": "0",
        "throttles": "0",
        "pages": "3",
        "projects": "2",
        "versions": "5",
        "unknown_members": "0",
    }
    assert (bad["region"], bad["error_kind"], bad["error"]) == ("x", "denied", "no access")


def test_details_are_told_by_scope_and_those_of_older_records_are_none(place):
    datasets = {"detail": "datasets", "outcome": "complete", "error_kind": None, "error": None}
    tags = {"detail": "tags", "outcome": "failed", "error_kind": "denied", "error": "no access"}
    scopes = [OK | {"details": [datasets, tags]}, {"region": "x", "details": [datasets | {"outcome": "skipped"}]}]
    runs = [
        lakes.run_record("r1", at=JUNE, scopes=scopes),
        lakes.run_record("r2", at=JULY, scopes=[OK, BAD | {"region": "x", "details": []}]),
    ]
    lakes.make(place, runs=runs)
    usual = {"run_id": "r1", "account_id": lakes.ACCOUNT, "region": lakes.REGION}
    assert ask(place, "from run_details order by region, detail") == [
        usual | datasets,
        usual | tags,
        usual | datasets | {"region": "x", "outcome": "skipped"},
    ]
    assert len(ask(place, "from run_scopes")) == 4


def test_what_a_record_lacks_is_null_and_what_is_new_does_no_harm(place):
    lakes.make(place)
    (place / "runs" / "r.json").write_text('{"run_id": "r", "kind": "sync", "later": {"a": 1}, "scopes": null}')
    (run,) = ask(place, "from runs")
    assert {name for name, value in run.items() if value is not None} == {
        "run_id",
        "kind",
        "scope_count",
        "failed_scope_count",
    }


@pytest.mark.parametrize("view", ["run_rows", "runs", "run_scopes", "run_details", "scopes", "listings"])
def test_json_and_parquet_give_equal_rows(view, place):
    details = [{"detail": "tags", "outcome": "failed", "error_kind": "denied", "error": "no access"}]
    may, june = "2024-05-01T01:02:03.000004Z", "2024-06-01T00:00:00.000000Z"
    lakes.make(
        place,
        runs=[
            lakes.run_record(
                "20240501T010203Z-00004aaa", at=may, scopes=[OK, OK | {"region": "x", "details": details}]
            ),
            lakes.run_record("20240501T020203Z-00004aaa", kind="rollback", at=may, scopes=[{"listed_at": may}]),
            lakes.run_record(
                "20240601T000000Z-00000aaa", at=june, outcome="partial", scopes=[OK, BAD | {"region": "y"}]
            ),
            lakes.run_record("20240601T010000Z-00000aaa", at=june, outcome="failed", error="disk full"),
        ],
    )
    from_json = ask(place, f"from {view} order by all")
    assert from_json
    lake = LocalLake(place)
    run_log.compact(lake)
    assert ask(place, f"from {view} order by all") == from_json
    for path in (place / "runs").glob("*.json"):
        path.unlink()
    assert ask(place, f"from {view} order by all") == from_json


def test_a_broken_record_hides_no_other(place):
    lakes.make(place, runs=[lakes.run_record("good", scopes=[OK])])
    (place / "runs" / "cut.json").write_text('{"run_id": "cut", "sco')
    assert [row["run_id"] for row in ask(place, "from runs")] == ["good"]
    assert len(ask(place, "from scopes")) == 1


def test_many_records(place):
    runs = [
        lakes.run_record(f"r{i:04}", at=f"2024-01-01T00:{i // 60:02}:{i % 60:02}Z", scopes=[OK]) for i in range(1500)
    ]
    lakes.make(place, runs=runs)
    assert ask(place, "select count(*) as n from runs") == [{"n": "1500"}]
    assert ask(place, "select last_complete_at from scopes") == [{"last_complete_at": "2024-01-01 00:24:59+00"}]


def test_a_complete_scope_is_not_stale(place):
    assert scopes_after(place, lakes.run_record(at=JUNE, scopes=[OK])) == [
        ["us-east-1", "complete", "2024-06-01", None]
    ]


def test_a_scope_is_stale_since_it_was_last_complete(place):
    runs = [
        lakes.run_record("r1", at=MAY, scopes=[OK]),
        lakes.run_record("r2", at=JUNE, outcome="partial", scopes=[BAD]),
        lakes.run_record("r3", at=JULY, outcome="partial", scopes=[BAD]),
    ]
    assert scopes_after(place, *runs) == [["us-east-1", "failed", "2024-05-01", "2024-05-01"]]
    (scope,) = ask(place, "from scopes")
    assert (scope["last_attempt_at"], scope["error"]) == ("2024-07-01 00:00:00+00", "no access")


def test_a_scope_never_complete_is_stale_since_its_first_attempt(place):
    runs = [lakes.run_record(at=at, run_id=at[:7], outcome="partial", scopes=[BAD]) for at in (JULY, JUNE)]
    assert scopes_after(place, *runs) == [["us-east-1", "failed", None, "2024-06-01"]]


def test_a_scope_that_recovers_is_not_stale(place):
    runs = [lakes.run_record("a", at=MAY, scopes=[BAD]), lakes.run_record("b", at=JUNE, scopes=[OK])]
    assert scopes_after(place, *runs) == [["us-east-1", "complete", "2024-06-01", None]]


def test_each_account_and_region_stands_for_itself(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK, {"region": "eu-west-1"}, {"account_id": "999900001111"}]),
        lakes.run_record("b", at=JUNE, outcome="partial", scopes=[OK, BAD | {"region": "eu-west-1"}]),
    ]
    assert scopes_after(place, *runs) == [
        ["eu-west-1", "failed", "2024-05-01", "2024-05-01"],
        ["us-east-1", "complete", "2024-06-01", None],
        ["us-east-1", "complete", "2024-05-01", None],
    ]


def test_a_listing_that_was_not_published_does_not_count(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", at=JUNE, outcome="failed", error="disk full", scopes=[OK]),
    ]
    assert scopes_after(place, *runs) == [["us-east-1", "failed", "2024-05-01", "2024-05-01"]]
    assert ask(place, "select error from scopes") == [{"error": "listed, but the run did not publish it"}]


def test_a_replay_does_not_make_rows_fresh(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", kind="replay", at=JUNE, scopes=[OK]),
    ]
    assert scopes_after(place, *runs) == [["us-east-1", "complete", "2024-05-01", None]]


def rollback(run_id, *scopes, at=JULY, **more):
    return lakes.run_record(run_id, kind="rollback", at=at, scopes=scopes, arguments={"snapshot": "s"}, **more)


def errors(lake):
    return [row["error"] for row in ask(lake, "from scopes order by account_id, region")]


def test_a_scope_is_as_fresh_as_its_listing_not_its_run(place):
    resumed = {"listed_at": MAY, "resumed_from": "dead"}
    assert scopes_after(place, lakes.run_record("a", at=JUNE, scopes=[resumed])) == [
        ["us-east-1", "complete", "2024-05-01", None]
    ]
    assert ask(place, "select last_attempt_at, resumed_from from scopes cross join run_scopes") == [
        {"last_attempt_at": "2024-06-01 00:00:00+00", "resumed_from": "dead"}
    ]


def test_a_replay_of_an_older_listing_makes_a_scope_stale(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", at=JUNE, scopes=[OK]),
        lakes.run_record("c", kind="replay", at=JULY, scopes=[{"listed_at": MAY}], arguments={"run": "a"}),
    ]
    assert scopes_after(place, *runs) == [["us-east-1", "failed", "2024-05-01", "2024-05-01"]]
    assert errors(place) == ["an older listing was replayed over the newest: sync again"]


def test_a_rollback_to_an_older_listing_makes_a_scope_stale(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK, {"region": "eu-west-1"}]),
        lakes.run_record("b", at=JUNE, scopes=[OK]),
        rollback("c", {"listed_at": MAY}, {"region": "eu-west-1", "listed_at": MAY}),
    ]
    assert scopes_after(place, *runs) == [
        ["eu-west-1", "complete", "2024-05-01", None],
        ["us-east-1", "failed", "2024-05-01", "2024-05-01"],
    ]
    assert errors(place) == [None, "the lake was rolled back to an older listing: sync again"]
    attempt = "select last_attempt_at from scopes where region = 'us-east-1'"
    assert ask(place, attempt) == [{"last_attempt_at": "2024-06-01 00:00:00+00"}]


def test_a_rollback_behind_the_first_listing_leaves_nothing_to_show(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", at=JUNE, scopes=[OK, {"region": "eu-west-1"}]),
        rollback("c", {"listed_at": JUNE}),
    ]
    assert scopes_after(place, *runs) == [
        ["eu-west-1", "failed", None, "2024-06-01"],
        ["us-east-1", "complete", "2024-06-01", None],
    ]
    assert errors(place) == ["the lake was rolled back to a snapshot without this scope: sync again", None]


AUGUST = "2024-08-01T00:00:00Z"
AFTER = {
    "a sync": (lakes.run_record("d", at=AUGUST, scopes=[OK]), "complete", "2024-08-01", None),
    "a sync that fails": (
        lakes.run_record("d", at=AUGUST, outcome="partial", scopes=[BAD]),
        "failed",
        "2024-05-01",
        "no access",
    ),
    "a way forward again": (rollback("d", {"listed_at": JUNE}, at=AUGUST), "complete", "2024-06-01", None),
    "a rollback that failed": (
        rollback("d", {"listed_at": JUNE}, at=AUGUST, outcome="failed"),
        "failed",
        "2024-05-01",
        "the lake was rolled back to an older listing: sync again",
    ),
}


@pytest.mark.parametrize(("record", "outcome", "listed", "error"), AFTER.values(), ids=AFTER)
def test_what_comes_after_a_rollback_decides(record, outcome, listed, error, place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", at=JUNE, scopes=[OK]),
        rollback("c", {"listed_at": MAY}),
    ]
    stale_since = listed if outcome == "failed" else None
    assert scopes_after(place, *runs, record) == [["us-east-1", outcome, listed, stale_since]]
    assert errors(place) == [error]


def test_a_record_without_an_outcome_published_nothing(place):
    record = lakes.run_record("a", at=MAY, scopes=[OK])
    del record["outcome"]
    assert scopes_after(place, record) == [["us-east-1", "failed", None, "2024-05-01"]]
    assert errors(place) == ["listed, but the run did not publish it"]


def test_listings_are_those_published_by_the_first_run_that_did(place):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK, BAD | {"region": "eu-west-1"}], outcome="partial"),
        lakes.run_record("b", at=JUNE, scopes=[OK], outcome="failed"),
        lakes.run_record("c", at=JULY, scopes=[{"listed_at": JUNE}, {"region": "eu-west-1"}]),
        rollback("d", {"listed_at": MAY}, at=AUGUST),
    ]
    lakes.make(place, runs=runs)
    rows = ask(place, "select region, listed_at::date as day, run_id, was_undone from listings order by region, day")
    assert [list(row.values()) for row in rows] == [
        ["eu-west-1", "2024-07-01", "c", "false"],
        ["us-east-1", "2024-05-01", "a", "false"],
        ["us-east-1", "2024-06-01", "c", "true"],
    ]


def test_every_status_of_the_service_model_is_known(place):
    shape = botocore.session.get_session().get_service_model("rekognition").shape_for("ProjectVersionStatus")
    lakes.make(place)
    rows = ask(place, "from version_statuses")
    assert {row["status"] for row in rows} >= set(shape.enum)
    assert len(rows) == len({row["status"] for row in rows})
    assert {row["status"] for row in rows if row["is_started"] == "true"} == {"STARTING", "RUNNING", "STOPPING"}
    assert {row["status"] for row in rows if row["is_trained"] == "true"} == {
        *("TRAINING_COMPLETED", "STARTING", "RUNNING", "FAILED", "STOPPING", "STOPPED", "DEPRECATED", "EXPIRED")
    }


def test_prices_are_those_given(place):
    lakes.make(place, {"project_versions": [{"billable_training_seconds": "1800", "created_at": "2024-01-01"}]})
    prices = Prices(training_hour=1.37, inference_unit_hour=5, currency="CHF's")
    with lakes.connect(place, prices=prices) as con:
        assert con.sql("from prices").fetchall() == [(1.37, 5.0, "CHF's")]
        assert con.sql("select training_cost, currency from training_cost").fetchall() == [(0.685, "CHF's")]


def test_the_clock_tells_the_time(place):
    snapshot = lakes.make(place)
    with database.connect(place, snapshot=snapshot, prices=Prices()) as con:
        assert con.sql("select abs(epoch(now_at) - epoch(now())) < 60 from clock").fetchall() == [(True,)]

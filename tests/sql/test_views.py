"""The views over run records: runs, run_scopes and scopes, with none, one and many records."""

from __future__ import annotations

import pytest

from pipeline.load import warehouse
from pipeline.settings import Prices
from tests.sql import lakes

MAY, JUNE, JULY = "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z"
OK, BAD = {}, {"outcome": "failed", "error_kind": "denied", "error": "no access"}


def ask(lake, query):
    with lakes.connect(lake) as con:
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


@pytest.mark.parametrize("view", ["run_files", "runs", "run_scopes", "scopes"])
@pytest.mark.parametrize("has_folder", [True, False])
def test_no_record_gives_no_row(view, has_folder, tmp_path):
    lakes.make(tmp_path)
    if not has_folder:
        (tmp_path / "runs").rmdir()
    assert ask(tmp_path, f"from {view}") == []


def test_a_record_is_read_whole(tmp_path):
    lakes.make(
        tmp_path,
        runs=[lakes.run_record("r1", at=JUNE, outcome="partial", scopes=[OK, BAD | {"region": "x"}])],
    )
    assert ask(tmp_path, "from runs") == [
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
    good, bad = ask(tmp_path, "from run_scopes order by outcome")
    assert good == {
        "run_id": "r1",
        "run_kind": "sync",
        "run_outcome": "partial",
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


def test_what_a_record_lacks_is_null_and_what_is_new_does_no_harm(tmp_path):
    lakes.make(tmp_path)
    (tmp_path / "runs" / "r.json").write_text('{"run_id": "r", "kind": "sync", "later": {"a": 1}, "scopes": null}')
    (run,) = ask(tmp_path, "from runs")
    assert {name for name, value in run.items() if value is not None} == {
        "run_id",
        "kind",
        "scope_count",
        "failed_scope_count",
    }


def test_a_broken_record_hides_no_other(tmp_path):
    lakes.make(tmp_path, runs=[lakes.run_record("good", scopes=[OK])])
    (tmp_path / "runs" / "cut.json").write_text('{"run_id": "cut", "sco')
    assert [row["run_id"] for row in ask(tmp_path, "from runs")] == ["good"]
    assert len(ask(tmp_path, "from scopes")) == 1


def test_many_records(tmp_path):
    runs = [
        lakes.run_record(f"r{i:04}", at=f"2024-01-01T00:{i // 60:02}:{i % 60:02}Z", scopes=[OK]) for i in range(1500)
    ]
    lakes.make(tmp_path, runs=runs)
    assert ask(tmp_path, "select count(*) as n from runs") == [{"n": "1500"}]
    assert ask(tmp_path, "select last_complete_at from scopes") == [{"last_complete_at": "2024-01-01 00:24:59+00"}]


def test_a_complete_scope_is_not_stale(tmp_path):
    assert scopes_after(tmp_path, lakes.run_record(at=JUNE, scopes=[OK])) == [
        ["us-east-1", "complete", "2024-06-01", None]
    ]


def test_a_scope_is_stale_since_it_was_last_complete(tmp_path):
    runs = [
        lakes.run_record("r1", at=MAY, scopes=[OK]),
        lakes.run_record("r2", at=JUNE, outcome="partial", scopes=[BAD]),
        lakes.run_record("r3", at=JULY, outcome="partial", scopes=[BAD]),
    ]
    assert scopes_after(tmp_path, *runs) == [["us-east-1", "failed", "2024-05-01", "2024-05-01"]]
    (scope,) = ask(tmp_path, "from scopes")
    assert (scope["last_attempt_at"], scope["error"]) == ("2024-07-01 00:00:00+00", "no access")


def test_a_scope_never_complete_is_stale_since_its_first_attempt(tmp_path):
    runs = [lakes.run_record(at=at, run_id=at[:7], outcome="partial", scopes=[BAD]) for at in (JULY, JUNE)]
    assert scopes_after(tmp_path, *runs) == [["us-east-1", "failed", None, "2024-06-01"]]


def test_a_scope_that_recovers_is_not_stale(tmp_path):
    runs = [lakes.run_record("a", at=MAY, scopes=[BAD]), lakes.run_record("b", at=JUNE, scopes=[OK])]
    assert scopes_after(tmp_path, *runs) == [["us-east-1", "complete", "2024-06-01", None]]


def test_each_account_and_region_stands_for_itself(tmp_path):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK, {"region": "eu-west-1"}, {"account_id": "999900001111"}]),
        lakes.run_record("b", at=JUNE, outcome="partial", scopes=[OK, BAD | {"region": "eu-west-1"}]),
    ]
    assert scopes_after(tmp_path, *runs) == [
        ["eu-west-1", "failed", "2024-05-01", "2024-05-01"],
        ["us-east-1", "complete", "2024-06-01", None],
        ["us-east-1", "complete", "2024-05-01", None],
    ]


def test_a_listing_that_was_not_published_does_not_count(tmp_path):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", at=JUNE, outcome="failed", error="disk full", scopes=[OK]),
    ]
    assert scopes_after(tmp_path, *runs) == [["us-east-1", "failed", "2024-05-01", "2024-05-01"]]
    assert ask(tmp_path, "select error from scopes") == [{"error": "listed, but the run did not publish it"}]


def test_a_replay_does_not_make_rows_fresh(tmp_path):
    runs = [
        lakes.run_record("a", at=MAY, scopes=[OK]),
        lakes.run_record("b", kind="replay", at=JUNE, scopes=[OK]),
    ]
    assert scopes_after(tmp_path, *runs) == [["us-east-1", "complete", "2024-05-01", None]]


def test_prices_are_those_given(tmp_path):
    lakes.make(tmp_path, {"project_versions": [{"billable_training_seconds": "1800", "created_at": "2024-01-01"}]})
    prices = Prices(training_hour=1.37, inference_unit_hour=5, currency="CHF's")
    with lakes.connect(tmp_path, prices=prices) as con:
        assert con.sql("from prices").fetchall() == [(1.37, 5.0, "CHF's")]
        assert con.sql("select training_cost, currency from training_cost").fetchall() == [(0.685, "CHF's")]


def test_the_clock_tells_the_time(tmp_path):
    snapshot = lakes.make(tmp_path)
    with warehouse.connect(tmp_path, snapshot=snapshot, prices=Prices()) as con:
        assert con.sql("select abs(epoch(now_at) - epoch(now())) < 60 from clock").fetchall() == [(True,)]

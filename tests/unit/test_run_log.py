"""The run records of a lake: the same from JSON and from Parquet, found by id and newest first, compacted by day."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import LakeError
from pipeline.lake import LocalLake, run_days, run_log
from pipeline.lake.run_record import (
    CHECKSUM,
    DetailRecord,
    Outcome,
    RunRecord,
    ScopeRecord,
    checksum,
    is_intact,
    text_of,
    write,
)

NOW = datetime.now(UTC).replace(hour=12)

TEXT = st.none() | st.text(max_size=8)
INSTANT = st.none() | st.datetimes(timezones=st.just(UTC)).map(text_of)
COUNT = st.integers(0, 2**40)
SECONDS = st.floats(0, 1e6)
NAMED = st.dictionaries(st.text(min_size=1, max_size=4), COUNT, max_size=2)
DETAIL = st.builds(DetailRecord, st.text(max_size=4), st.sampled_from(Outcome), TEXT, TEXT, COUNT)
SCOPE = st.builds(
    ScopeRecord,
    account_id=st.text(max_size=12),
    region=st.text(max_size=9),
    outcome=st.sampled_from(Outcome),
    error_kind=TEXT,
    error=TEXT,
    resumed_from=TEXT,
    **dict.fromkeys(("listed_at", "started_at", "ended_at"), INSTANT),
    **dict.fromkeys(("calls", "retries", "throttles", "pages", "projects", "versions", "unknown_members"), COUNT),
    calls_by_operation=NAMED,
    seconds=SECONDS,
    details=st.lists(DETAIL, max_size=2),
)
RUN = st.builds(
    RunRecord,
    run_id=st.just("20260101T000000Z-00000000"),
    kind=st.sampled_from(["sync", "replay", "rollback"]),
    started_at=INSTANT.filter(bool),
    arguments=st.dictionaries(st.text(max_size=4), st.none() | st.text(max_size=4) | st.lists(COUNT), max_size=2),
    outcome=st.sampled_from(Outcome),
    ended_at=INSTANT,
    snapshot=TEXT,
    error=TEXT,
    software=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
    seconds=st.dictionaries(st.sampled_from(run_days.STAGES), SECONDS),
    scopes=st.lists(SCOPE, max_size=3),
    left_out=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


def run_id(at: datetime, suffix: str = "00000000") -> str:
    return f"{at:%Y%m%dT%H%M%SZ}-{suffix}"


def record(at: datetime, *scopes: ScopeRecord, suffix: str = "00000000") -> dict[str, Any]:
    run = RunRecord(run_id(at, suffix), "sync", text_of(at), {"regions": ["us-east-1"]}, scopes=list(scopes))
    return {**run.document, CHECKSUM: checksum(run.document)}


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def day_file(at: datetime) -> str:
    return f"{at:%Y-%m-%d}.parquet"


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


@settings(max_examples=50)
@given(RUN)
def test_a_record_comes_back_from_parquet_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, run: RunRecord):
    document = json.loads(json.dumps(run.document))
    document[CHECKSUM] = checksum(document)
    assert run_days.is_lossless(document)
    path = tmp_path_factory.mktemp("day") / "day.parquet"
    path.write_bytes(run_days.to_parquet([document]))
    (found,) = run_days.read(path)
    assert {**found, "seconds": dict(sorted(found["seconds"].items()))} == document | {
        "seconds": dict(sorted(document["seconds"].items()))
    }
    assert is_intact(found)
    assert run_days.is_intact(path)


def test_every_member_of_a_record_has_its_column():
    columns = set(run_days.SCHEMA.names)
    run = {field.name for field in fields(RunRecord)} - {"scopes", "seconds"}
    assert run - columns == {"kind", "outcome", "started_at", "ended_at", "error"} - columns
    assert {f"run_{name}" for name in run - {"run_id", "snapshot", "arguments", "software", "left_out"}} <= columns
    assert {field.name for field in fields(ScopeRecord)} <= columns
    assert {field.name for field in run_days.SCHEMA.field("details").type.value_type} == {
        field.name for field in fields(DetailRecord)
    }


def test_a_checksum_tells_a_changed_record_and_passes_over_what_is_empty():
    document = record(NOW)
    assert is_intact(document)
    assert is_intact({**document, "of_a_later_version": None, "another": {"a": []}})
    assert not is_intact({**document, "outcome": "complete"})
    assert not is_intact({name: value for name, value in document.items() if name != CHECKSUM})


@pytest.mark.parametrize(
    "change",
    [
        {"of_a_later_version": 1},
        {"started_at": "last week"},
        {"seconds": {"another_stage": 1.0}},
        {"scopes": [{"account_id": "1", "region": "r", "calls": "many"}]},
        {"scopes": [{"account_id": "1", "region": "r", "more": 1}]},
        {"scopes": "none"},
        {"arguments": None, "kind": 7},
    ],
    ids=",".join,
)
def test_a_record_that_parquet_cannot_hold_stays_json(lake: LocalLake, change: dict[str, Any]):
    write(lake, record(days_ago(1)))
    odd = {**record(days_ago(1), suffix="00000001"), **change}
    write(lake, odd)
    run_log.compact(lake)
    assert run_days.facts(lake.root / "runs" / day_file(days_ago(1))).run_ids == {run_id(days_ago(1))}
    assert run_log.read(lake, odd["run_id"]) == odd | {CHECKSUM: checksum(odd)}
    assert f"{odd['run_id']}.json" in run_log.needed(lake)
    assert [*run_log.superseded(lake, datetime.now(UTC))] == [f"runs/{run_id(days_ago(1))}.json"]


def test_days_that_have_ended_are_compacted_once(lake: LocalLake):
    for days in (400, 1.25, 1, 0):
        write(lake, record(days_ago(days)))
    run_log.compact(lake)
    made = [day_file(days_ago(400)), *sorted({day_file(days_ago(1.25)), day_file(days_ago(1))}), "none.parquet"]
    assert [name for name in lake.entries("runs") if name.endswith(".parquet")] == made
    before = {name: lake.read(f"runs/{name}") for name in made}
    write(lake, record(days_ago(1), suffix="late"))
    run_log.compact(lake)
    assert {name: lake.read(f"runs/{name}") for name in made} == before
    assert len(run_log.run_ids(lake)) == 5


def test_records_are_found_whether_json_is_still_there_or_not(lake: LocalLake):
    documents = [record(days_ago(days), ScopeRecord("1", "r")) for days in (0, 1, 2, 2.1, 300)]
    for document in documents:
        write(lake, document)
    for remove in (False, True):
        run_log.compact(lake)
        if remove:
            for name in [*run_log.superseded(lake, datetime.now(UTC))]:
                lake.remove(name)
        assert [*run_log.newest_first(lake)] == documents
        assert [*run_log.newest_first(lake, days_ago(2.05))] == documents[:3]
        assert run_log.run_ids(lake) == {document["run_id"] for document in documents}
        assert run_log.run_ids(lake, days_ago(1.5)) == {document["run_id"] for document in documents[:2]}
        assert [run_log.read(lake, document["run_id"]) for document in documents] == documents
        assert run_log.read(lake, run_id(days_ago(2), "ffffffff")) is None
        assert run_log.read(lake, "../CURRENT") is None
    assert len([name for name in lake.entries("runs") if name.endswith(".json")]) == 1


def test_json_files_go_only_when_their_days_file_is_old_enough(lake: LocalLake):
    write(lake, record(days_ago(5)))
    run_log.compact(lake)
    made_at = run_days.facts(lake.root / "runs" / day_file(days_ago(5))).made_at
    assert [*run_log.superseded(lake, made_at)] == []
    assert [*run_log.superseded(lake, made_at + timedelta(seconds=1))] == [f"runs/{run_id(days_ago(5))}.json"]


def test_a_writer_removes_them_a_day_later(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    write(lake, record(days_ago(5)))
    run_log.compact(lake)
    run_log.compact(lake)
    names = [day_file(days_ago(5)), f"{run_id(days_ago(5))}.json", "none.parquet"]
    assert lake.entries("runs") == names
    monkeypatch.setattr(run_log, "OVERLAP", timedelta(0))
    run_log.compact(lake)
    assert lake.entries("runs") == [names[0], names[2]]


def test_a_damaged_days_file_is_named(lake: LocalLake):
    write(lake, record(days_ago(5)))
    run_log.compact(lake)
    (lake.root / "runs" / day_file(days_ago(5))).write_bytes(b"PAR1")
    with pytest.raises(LakeError, match=rf"{day_file(days_ago(5))}: cannot be read: .*remove the file"):
        [*run_log.newest_first(lake)]


@given(st.dates(datetime(2020, 1, 1).date(), datetime(2099, 12, 30).date()), st.integers(-800, 30_000))  # noqa: DTZ001
def test_a_query_reads_json_of_later_days_only(tmp_path_factory: pytest.TempPathFactory, last: Any, days: int):
    folder = tmp_path_factory.mktemp("lake") / "runs"
    folder.mkdir()
    (folder / f"{last:%Y-%m-%d}.parquet").touch()
    found, patterns = run_log.json_patterns(LocalLake(folder.parent))
    assert found == f"{last:%Y-%m-%d}"
    other = min(last + timedelta(days=days), datetime(2099, 12, 31).date())  # noqa: DTZ001
    assert any(fnmatch(f"{other:%Y%m%d}T000000Z-00000000.json", pattern) for pattern in patterns) == (other > last)

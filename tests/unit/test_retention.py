"""What gc may remove, and all that it must not: a lake of two years, and what refers to what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import landing
from pipeline.errors import BusyError, LakeError
from pipeline.jobs import gc
from pipeline.lake import LocalLake, run_log, run_record, snapshot
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord
from pipeline.lake.snapshot import Source
from pipeline.load.snapshot_writer import new_snapshot
from pipeline.model import TABLES, declaration_digest, table
from pipeline.model.page import RawPage, Scope
from pipeline.query import database
from pipeline.settings import Prices, Retention, Settings

HERE, THERE = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")
KEEP = Retention(snapshots=2, snapshot_days=7, raw_days=30)


def run_id(days: float) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%SZ}-abcdef"


def ran(lake: LocalLake, days: float, status: str | None, *scopes: Scope, failed: Scope | None = None) -> str:
    """Let a run of so many days ago land pages, see all projects in that status, and leave its record."""
    new_id = run_id(days)
    at = datetime.now(UTC) - timedelta(days=days)
    run = RunRecord(new_id, "sync", run_record.text_of(at), {}, outcome=Outcome.PARTIAL if failed else Outcome.COMPLETE)
    with new_snapshot(lake, new_id, snapshot.find(lake)) as new:
        for scope in (HERE, THERE):
            if scope not in scopes:
                new.carry_forward(scope)
                continue
            with landing.land(lake, new_id, scope) as pages:
                pages.add(RawPage("DescribeProjects", "", 1, 1, 200, at, "", b"{}"))
            row = {"account_id": scope.account_id, "region": scope.region, "project_arn": f"arn:{scope.region}"}
            projects = pa.Table.from_pylist([row | {"status": status}], table("projects").schema)
            with new.scope(scope, new_id, at) as rows:
                for declared in TABLES:
                    rows.merge(
                        declared.name, projects if declared.name == "projects" else declared.schema.empty_table()
                    )
                rows.source = Source(new_id, at, declaration_digest(), "0.1.0")
            seen = ScopeRecord(scope.account_id, scope.region)
            seen.outcome, seen.listed_at = Outcome.COMPLETE, run_record.text_of(at)
            run.scopes.append(seen)
        if failed:
            run.scopes.append(ScopeRecord(failed.account_id, failed.region, error="denied"))
        new.seal(created_at=run_record.text_of(at), software={}, run=dict)
    found = snapshot.find(lake)
    run.snapshot = found.id if found else None
    run.write(lake)
    return new_id


def collect(lake: LocalLake, keep: Retention = KEEP, *, is_dry: bool = False) -> dict[str, list[str]]:
    """What goes, by folder."""
    gone: dict[str, list[str]] = {"snapshots": [], "raw": [], "runs": []}
    for removal in gc.collect_garbage(Settings(str(lake), retention=keep), is_dry=is_dry):
        folder, _, name = removal.name.partition("/")
        gone[folder].append(name)
        assert removal.bytes > 0
        assert removal.reason
    return gone


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


def test_old_snapshots_go_with_the_pages_that_only_they_needed(lake: LocalLake):
    ids = [
        ran(lake, days, status, HERE, THERE) for days, status in ((90, "a"), (60, "b"), (50, "c"), (3, "d"), (2, "e"))
    ]
    expected = {"snapshots": ids[:3], "raw": ids[:3], "runs": []}
    assert collect(lake, is_dry=True) == expected
    assert lake.entries("snapshots") == lake.entries("raw") == ids
    assert collect(lake) == expected
    assert lake.entries("snapshots") == lake.entries("raw") == ids[3:]
    assert lake.entries("runs") == [f"{name}.json" for name in ids]  # the history's instants are theirs
    assert collect(lake) == {"snapshots": [], "raw": [], "runs": []}
    assert snapshot.current(lake).id == ids[-1]
    snapshot.current(lake).verify()


def test_the_newest_stay_however_old_and_the_young_however_many(lake: LocalLake):
    old = [ran(lake, days, str(days), HERE) for days in (300, 200, 100)]
    assert collect(lake, is_dry=True)["snapshots"] == old[:1]
    young = [ran(lake, days, str(days), HERE) for days in (6, 5, 4)]
    assert collect(lake, is_dry=True)["snapshots"] == old
    assert set(young) <= set(lake.entries("snapshots"))


def test_pages_of_a_scope_that_fails_for_months_stay_with_its_rows(lake: LocalLake):
    first = ran(lake, 200, "a", HERE, THERE)
    for days in (150, 100, 50):
        ran(lake, days, str(days), HERE, failed=THERE)
    gone = collect(lake)
    assert first in gone["snapshots"]
    assert first not in gone["raw"]
    landing.scope_file(lake, first, THERE)


def test_records_go_a_day_after_their_days_file_was_made(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    ids = [ran(lake, days, "a", HERE) for days in (900, 2, 0)]
    run_log.compact(lake)
    late = f"{ids[1][:8]}T235959Z-abcdef"  # on S3, a run may end after another has compacted its day
    lake.write_text(f"runs/{late}.json", lake.read(f"runs/{ids[1]}.json").decode().replace(ids[1], late))
    assert collect(lake)["runs"] == []  # a query that began before may still read them
    monkeypatch.setattr(run_log, "OVERLAP", timedelta(0))
    assert collect(lake, is_dry=True)["runs"] == [f"{run_id}.json" for run_id in (ids[1], ids[0])]
    collect(lake)
    assert [name for name in lake.entries("runs") if name.endswith(".json")] == [f"{late}.json", f"{ids[2]}.json"]
    assert run_log.run_ids(lake) == {*ids, late}


def test_records_stay_beside_a_days_file_that_is_damaged(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    run_id = ran(lake, 2, "a", HERE)
    other = ran(lake, 2.01, "a", HERE)
    run_log.compact(lake)
    monkeypatch.setattr(run_log, "OVERLAP", timedelta(0))
    day = lake.root / "runs" / f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}.parquet"
    rows = pq.read_table(day)
    pq.write_table(rows.set_column(1, "run_kind", pa.array(["replay"] * len(rows))), day)
    assert collect(lake)["runs"] == []
    assert run_log.run_ids(lake) == {run_id, other}


def test_a_snapshot_that_lake_duckdb_shows_stays(lake: LocalLake):
    old = ran(lake, 100, "a", HERE)
    shown = ran(lake, 90, "b", HERE)
    run_log.compact(lake)
    found = snapshot.current(lake)
    database.refresh(lake.root, snapshot=found.folder(), prices=Prices())
    for days in (80, 70, 60):
        ran(lake, days, str(days), HERE)
    gone = collect(lake)["snapshots"]
    assert old in gone
    assert shown not in gone


def test_what_a_rollback_left_behind_goes_only_by_age(lake: LocalLake):
    ids = [ran(lake, days, str(days), HERE) for days in (100, 90, 3)]
    lake.point(ids[0], lake.pointer())
    assert collect(lake)["snapshots"] == []
    lake.point(ids[1], lake.pointer())
    assert collect(lake, Retention(1, 0, 30))["snapshots"] == [ids[0]]
    assert lake.entries("snapshots") == ids[1:]


def test_names_that_are_not_ours_stay(lake: LocalLake):
    ran(lake, 100, "a", HERE)
    ran(lake, 90, "b", HERE)
    for name in ("snapshots/mine/file", "raw/notes/file", "runs/README.md"):
        lake.write_text(name, "mine")
    gone = collect(lake, Retention(1, 0, 0))
    assert [len(names) for names in gone.values()] == [1, 1, 0]
    for name in ("snapshots/mine/file", "raw/notes/file", "runs/README.md"):
        assert lake.read(name) == b"mine"


def test_a_damaged_snapshot_keeps_no_other_from_going(lake: LocalLake):
    ids = [ran(lake, days, str(days), HERE) for days in (100, 90, 80, 70)]
    (lake.root / "snapshots" / ids[2] / "manifest.json").write_text(json.dumps({"odd": 1}))
    assert collect(lake)["snapshots"] == ids[:2]


def test_a_lake_that_is_not_there_or_in_use_is_left_alone(lake: LocalLake, tmp_path: Path):
    with pytest.raises(LakeError, match="no such lake"):
        collect(LocalLake(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    ran(lake, 1, "a", HERE)
    with lake.locked("another"), pytest.raises(BusyError, match="run another on"):
        collect(lake)


def test_half_written_files_go_when_it_is_not_dry(lake: LocalLake):
    ran(lake, 1, "a", HERE)
    left: Any = lake.root / "snapshots" / ".x.1.tmp"
    left.mkdir()
    collect(lake, is_dry=True)
    assert lake.leftovers() == ["snapshots/.x.1.tmp"]
    collect(lake)
    assert lake.leftovers() == []

"""The lake's own lake.duckdb: when it is what it should be, and when it is written anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import LakeError
from pipeline.query import database, sqlfiles
from pipeline.settings import Prices
from tests.sql import lakes

OLD = Path(__file__).parents[3] / ".duckdb-1.1"
"""The oldest DuckDB that reads the file, as `make .duckdb-1.1/.ready` installs it."""
READ = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
views = con.execute("select schema_name, view_name from duckdb_views() where not internal").fetchall()
for schema, view in views:
    con.execute(f"from {schema}.{view}").fetchall()
print(duckdb.__version__, len(views), con.execute("select version_count from project_summary").fetchall())
"""
HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "lake"
    ended = {"valid_from": "2024-01-01 00:00:00Z", "valid_to": "2024-02-01 00:00:00Z"}
    given = {
        "projects": [{"project_name": "p"}],
        "history.project_versions": [ended | {"version_name": "v"}, ended | {"version_name": "v", "valid_to": None}],
    }
    lakes.make(folder, given, [lakes.run_record(scopes=[{}])])
    refresh(folder)
    return folder


@pytest.fixture
def lake(prepared):
    """A lake whose lake.duckdb is as it should be, where its views look."""
    kept = (prepared / "lake.duckdb").read_bytes()
    yield prepared
    for path in prepared.glob("lake.duckdb*"):
        path.unlink()
    (prepared / "lake.duckdb").write_bytes(kept)


def given(lake, **prices):
    return {"snapshot": next((lake / "snapshots").iterdir()), "prices": Prices(**prices)}


def refresh(lake, **prices):
    return database.refresh(lake, **given(lake, **prices))


def is_current(lake, **prices):
    return database.is_current(lake, **given(lake, **prices))


def test_a_file_that_is_as_it_should_be_stays(lake):
    before = (lake / "lake.duckdb").stat().st_ino
    assert is_current(lake)
    assert not refresh(lake)
    assert (lake / "lake.duckdb").stat().st_ino == before


@pytest.mark.parametrize("prices", [{"training_hour": 2.0}, {"inference_unit_hour": 2.0}, {"currency": "EUR"}], ids=str)
def test_other_prices_are_written(prices, lake):
    assert refresh(lake, **prices)
    assert not refresh(lake, **prices)


def test_what_another_reklake_defines_is_written(lake, monkeypatch):
    read = sqlfiles.read
    monkeypatch.setattr(sqlfiles, "read", lambda folder: [file for file in read(folder) if file.name != "f1_trend"])
    assert refresh(lake)
    with duckdb.connect(lake / "lake.duckdb", read_only=True) as con, pytest.raises(duckdb.CatalogException):
        con.sql("from f1_trend")


CHANGES = [
    "create or replace view main.projects as select 1 as project_arn",
    "drop view main.f1_trend",
    "create or replace macro as_of.projects(instant) as table select 1",
    "create table main.mine as select 1 as a",
    "comment on view main.projects is 'mine'",
    "comment on column main.projects.region is 'mine'",
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_changed_is_as_it_was(change, lake):
    with duckdb.connect(lake / "lake.duckdb") as con:
        con.execute(change)
    assert refresh(lake)
    assert not refresh(lake)


@pytest.mark.parametrize("content", [b"", b"no database", None], ids=["empty", "other", "none"])
def test_a_file_that_cannot_be_opened_is_written(content, lake):
    path = lake / "lake.duckdb"
    path.unlink() if content is None else path.write_bytes(content)
    assert not is_current(lake)
    assert refresh(lake)
    assert not refresh(lake)


def test_a_log_that_another_client_left_is_removed(lake):
    log = lake / "lake.duckdb.wal"
    log.write_bytes(b"what was not yet written into the file")
    assert not is_current(lake)
    assert refresh(lake)
    assert not log.exists()
    with duckdb.connect(lake / "lake.duckdb") as con:
        assert con.sql("select version_count from project_summary").fetchall() == [(1,)]


def test_a_client_that_holds_the_file_to_write_holds_nobody_up(lake):
    command = [sys.executable, "-c", HOLD, str(lake / "lake.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert refresh(lake)
        with lakes.connect(lake) as con:
            assert con.sql("select count(*) from projects").fetchall() == [(1,)]
        holder.communicate()
    assert is_current(lake)


def test_a_lake_that_was_moved_gets_a_file_of_its_new_place(lake, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(lake, moved)
    assert not is_current(moved)
    assert refresh(moved)
    with duckdb.connect(moved / "lake.duckdb", read_only=True) as con:
        views = "from duckdb_views() where schema_name = 'main' and view_name = 'projects'"
        ((sql,),) = con.sql(f"select sql {views}").fetchall()
    assert str(moved) in sql
    assert str(lake) not in sql


def test_a_relative_lake_is_the_same_lake(lake, monkeypatch):
    monkeypatch.chdir(lake.parent)
    assert is_current(lake.relative_to(lake.parent))


def test_the_snapshot_that_it_shows_is_told(lake, tmp_path):
    assert database.shown_by(lake / "lake.duckdb") == given(lake)["snapshot"].name
    duckdb.connect(tmp_path / "other.duckdb").close()
    assert database.shown_by(tmp_path / "other.duckdb") is None
    assert database.shown_by(tmp_path / "none.duckdb") is None


def test_a_place_that_cannot_be_written_is_named(lake, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database.LocalLake, "new_file", full)
    with pytest.raises(LakeError, match=r"lake\.duckdb: cannot be written: .*No space left"):
        refresh(lake)


def test_others_may_read_it_and_the_owner_may_write(lake):
    (lake / "lake.duckdb").unlink()
    refresh(lake)
    assert (lake / "lake.duckdb").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(not OLD.exists(), reason="make .duckdb-1.1/.ready installs the oldest client")
def test_the_oldest_client_reads_every_view(lake):
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(lake / "lake.duckdb")],
        env={"PYTHONPATH": str(OLD)},
        capture_output=True,
        text=True,
        check=False,
    )
    with duckdb.connect(lake / "lake.duckdb", read_only=True) as con:
        ((count,),) = con.sql("select count(*) from duckdb_views() where not internal").fetchall()
    assert ran.stdout == f"1.1.3 {count} [(1,)]\n", ran.stderr

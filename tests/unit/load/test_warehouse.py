"""The views over a lake's files: where they point, what they say of themselves, how the file comes to be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError
from pipeline.load import checks, sqlfiles, warehouse
from pipeline.model import TABLES
from pipeline.settings import Prices
from tests.sql import lakes

ONE = {
    "projects": [{"project_name": "p"}],
    "project_versions": [{"version_name": "v1", "billable_training_seconds": "18446744073709551615"}],
}
NASTY = [
    "plain",
    'it\'s "here"',
    "spa ce",
    "línea 第二行",
    "[a-z]",
    "star*",
    "semi;colon--x",
    "50%_{b}",
    "$runs",
    "region=x",
    "account_id=1",
]


def build(lake, name="lake.duckdb"):
    snapshot = next((lake / "snapshots").iterdir())
    warehouse.build(lake / name, snapshot=snapshot, runs=lake / "runs", prices=Prices())
    return lake / name


@pytest.mark.parametrize("name", NASTY)
def test_any_folder_name_works(name, tmp_path):
    lake = tmp_path / name / "lake"
    lakes.make(lake, ONE, [lakes.run_record(scopes=[{}])])
    with lakes.connect(lake) as con:
        assert con.sql("select version_name from model_inventory").fetchall() == [("v1",)]
        assert con.sql("select region, account_id from project_versions").fetchall() == [("us-east-1", "111122223333")]
        assert con.sql("select outcome from scopes").fetchall() == [("complete",)]
    with duckdb.connect(build(lake), read_only=True) as con:
        assert con.sql("select version_name from marts.model_inventory").fetchall() == [("v1",)]
        assert con.sql("select outcome from scopes").fetchall() == [("complete",)]


def test_a_question_mark_in_a_name_is_for_reading_only(tmp_path):
    lakes.make(tmp_path / "what?", ONE)
    with lakes.connect(tmp_path / "what?") as con:
        assert con.sql("select version_name from model_inventory").fetchall() == [("v1",)]
    with pytest.raises(LakeError, match=r"path with a `\?`; rename the folder"):
        build(tmp_path / "what?")


def test_a_pattern_in_a_name_matches_no_other_folder(tmp_path):
    lakes.make(tmp_path / "l[ab]", ONE)
    lakes.make(tmp_path / "la", {"project_versions": [{"version_name": "other"}]})
    with lakes.connect(tmp_path / "l[ab]") as con:
        assert con.sql("select version_name from project_versions").fetchall() == [("v1",)]


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_tables_have_their_declared_columns_and_comments(table, tmp_path):
    lakes.make(tmp_path)
    with duckdb.connect(build(tmp_path), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        assert con.sql(f"from {table.name}").to_arrow_table().schema.types == [one.type for one in table.columns]
        columns = f"from duckdb_columns() where table_name = '{table.name}' order by column_index"
        declared = [(one.name, one.description) for one in table.columns]
        assert con.sql(f"select column_name, comment {columns}").fetchall() == declared
        comment = f"select comment from duckdb_views() where view_name = '{table.name}'"
        assert con.sql(comment).fetchall() == [(f"{table.description} Grain: {table.grain}.",)]


def test_the_whole_unsigned_range_is_read(tmp_path):
    lakes.make(tmp_path, ONE)
    with lakes.connect(tmp_path) as con:
        assert con.sql("select billable_training_seconds from project_versions").fetchall() == [(2**64 - 1,)]


def test_a_column_that_the_declaration_does_not_know_stays_out(tmp_path):
    snapshot = lakes.make(tmp_path, ONE)
    file = snapshot / "projects.parquet"
    table = pq.read_table(file)
    pq.write_table(table.append_column("later", table["region"]), file)
    with lakes.connect(tmp_path) as con:
        assert "later" not in con.sql("from projects").columns


def test_the_file_holds_every_view(tmp_path):
    lakes.make(tmp_path, ONE, [lakes.run_record(scopes=[{}])])
    with duckdb.connect(build(tmp_path), read_only=True) as con:
        for file in (*sqlfiles.read("views"), *sqlfiles.read("marts")):
            assert con.sql(f"from {file.view}").to_arrow_table().schema.names == list(file.columns)
        assert con.sql("select count(*) from duckdb_tables()").fetchall() == [(0,)]


def test_the_file_can_be_attached_under_any_name(tmp_path):
    lakes.make(tmp_path, ONE)
    file = build(tmp_path)
    with duckdb.connect() as con:
        con.execute(f"attach '{file}' as elsewhere (read_only)")
        for mart in sqlfiles.read("marts"):
            con.sql(f"from elsewhere.marts.{mart.name}").to_arrow_table()
        rows = con.sql("select project_name, version_count from elsewhere.marts.project_summary").fetchall()
        assert rows == [("p", 1)]


def test_the_file_is_of_the_oldest_stable_format(tmp_path):
    lakes.make(tmp_path)
    # bytes 12 to 20 are the storage version: 64 is that of DuckDB 0.9 to 1.1, later ones reject newer files
    assert int.from_bytes(build(tmp_path).read_bytes()[12:20], "little") == 64


def test_the_file_sees_later_run_records(tmp_path):
    lakes.make(tmp_path)
    file = build(tmp_path)
    (tmp_path / "runs" / "late.json").write_text('{"run_id": "late"}')
    with duckdb.connect(file, read_only=True) as con:
        assert con.sql("select run_id from runs").fetchall() == [("late",)]


def test_a_relative_lake_is_read_from_anywhere(tmp_path, monkeypatch):
    lakes.make(tmp_path / "lake", ONE)
    monkeypatch.chdir(tmp_path)
    build(Path("lake"))
    monkeypatch.chdir("/")
    with duckdb.connect(tmp_path / "lake" / "lake.duckdb", read_only=True) as con:
        assert con.sql("select count(*) from projects").fetchall() == [(1,)]


def test_a_moved_lake_is_read_where_it_is(tmp_path):
    lakes.make(tmp_path / "old", ONE)
    build(tmp_path / "old")
    shutil.move(tmp_path / "old", tmp_path / "new")
    with lakes.connect(tmp_path / "new") as con:
        assert con.sql("select count(*) from projects").fetchall() == [(1,)]


def test_a_reader_keeps_the_file_it_opened(tmp_path):
    lakes.make(tmp_path, ONE)
    with duckdb.connect(build(tmp_path), read_only=True) as reader:
        reader.sql("from marts.model_inventory").to_arrow_table()
        code = (
            "import sys; from pathlib import Path; from pipeline.load import warehouse;"
            "from pipeline.settings import Prices; lake = Path(sys.argv[1]);"
            "warehouse.build(lake / 'lake.duckdb', snapshot=next((lake / 'snapshots').iterdir()),"
            " runs=lake / 'runs', prices=Prices())"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
        assert reader.sql("select count(*) from marts.model_inventory").fetchall() == [(1,)]


def test_nothing_is_left_behind(tmp_path):
    lakes.make(tmp_path)
    build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "lake.duckdb", "runs", "snapshots"]


def test_a_failure_leaves_the_old_file(tmp_path):
    snapshot = lakes.make(tmp_path, ONE)
    before = build(tmp_path).read_bytes()
    (snapshot / "datasets.parquet").unlink()
    with pytest.raises(LakeError, match=r"datasets cannot be read.*reklake sync"):
        build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "lake.duckdb", "runs", "snapshots"]
    assert (tmp_path / "lake.duckdb").read_bytes() == before


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"PAR1"), lambda file: file.unlink()])
def test_a_damaged_table_is_named(damage, tmp_path):
    damage(lakes.make(tmp_path) / "projects.parquet")
    with pytest.raises(LakeError, match="projects cannot be read"):
        lakes.connect(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    lakes.make(tmp_path)
    with pytest.raises(LakeError, match=r"lake\.duckdb: cannot be written"):
        build(tmp_path, "no/such/folder/lake.duckdb")


def test_marts_go_by_their_bare_names_and_times_are_utc(tmp_path):
    lakes.make(tmp_path, {"projects": [{"created_at": "2024-01-01 01:00:00+02"}]})
    with lakes.connect(tmp_path) as con:
        (row,) = lakes.texts(con.sql("select created_at from project_summary"))
        assert row == {"created_at": "2023-12-31 23:00:00+00"}


def test_a_name_is_never_a_python_variable(tmp_path):
    lakes.make(tmp_path)
    prices_of_mine = "a local variable"
    with lakes.connect(tmp_path) as con, pytest.raises(duckdb.CatalogException, match="prices_of_mine"):
        con.sql("from prices_of_mine")
    assert prices_of_mine


def test_a_damaged_file_fails_a_check_by_name(tmp_path):
    lakes.make(tmp_path, ONE)
    with lakes.connect(tmp_path) as con:
        (next((tmp_path / "snapshots").iterdir()) / "projects.parquet").write_bytes(b"PAR1")
        with pytest.raises(LakeError, match=r"check \w+ cannot be run"):
            checks.run(con)

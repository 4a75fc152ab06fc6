"""The views over a lake's files: where they point, what they say of themselves, how the file comes to be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError
from pipeline.lake import DATABASE
from pipeline.model import TABLES
from pipeline.model.history import VALID_FROM, VALID_TO
from pipeline.query import checks, database, sqlfiles
from pipeline.settings import Prices
from tests.sql import lakes

ONE = {
    "projects": [{"project_name": "p"}],
    "project_versions": [{"version_name": "v1", "billable_training_seconds": "9223372036854775807"}],
}
WITH_DATABASE = ["CURRENT", "lake.duckdb", "runs", "snapshots"]
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


def build(lake, **prices):
    snapshot = next((lake / "snapshots").iterdir())
    database.refresh(lake, snapshot=snapshot, prices=Prices(**prices))
    return lake / DATABASE


@pytest.fixture(scope="module")
def with_comments(tmp_path_factory):
    lake = tmp_path_factory.mktemp("lake")
    lakes.make(lake)
    return build(lake)


@pytest.mark.parametrize("name", NASTY)
def test_any_folder_name_works(name, tmp_path):
    lake = tmp_path / name / "lake"
    lakes.make(lake, ONE, [lakes.run_record(scopes=[{}])])
    with lakes.connect(lake) as con:
        assert con.sql("select version_name from model_inventory").fetchall() == [("v1",)]
        assert con.sql("select region, account_id from project_versions").fetchall() == [("us-east-1", "111122223333")]
        assert con.sql("select outcome from scopes").fetchall() == [("complete",)]
        assert con.sql("select version_name from as_of.project_versions('2024-06-01')").fetchall() == [("v1",)]
    with duckdb.connect(build(lake), read_only=True) as con:
        assert con.sql("select version_name from marts.model_inventory").fetchall() == [("v1",)]
        assert con.sql("select outcome from scopes").fetchall() == [("complete",)]
        assert con.sql("select version_name from as_of.project_versions('2024-06-01')").fetchall() == [("v1",)]


def test_a_question_mark_in_a_name_is_for_reading(tmp_path):
    lakes.make(tmp_path / "what?", ONE)
    with lakes.connect(tmp_path / "what?") as con:
        assert con.sql("select version_name from model_inventory").fetchall() == [("v1",)]


def test_a_pattern_in_a_name_matches_no_other_folder(tmp_path):
    lakes.make(tmp_path / "l[ab]", ONE)
    lakes.make(tmp_path / "la", {"project_versions": [{"version_name": "other"}]})
    with lakes.connect(tmp_path / "l[ab]") as con:
        assert con.sql("select version_name from project_versions").fetchall() == [("v1",)]


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_tables_have_their_declared_columns_and_comments(table, with_comments):
    with duckdb.connect(with_comments, read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        assert con.sql(f"from {table.name}").to_arrow_table().schema.types == [column.type for column in table.columns]
        where = f"where schema_name = 'main' and table_name = '{table.name}'"
        columns = f"from duckdb_columns() {where} order by column_index"
        declared = [(column.name, column.description) for column in table.columns]
        assert con.sql(f"select column_name, comment {columns}").fetchall() == declared
        comment = f"select comment from duckdb_views() where schema_name = 'main' and view_name = '{table.name}'"
        assert con.sql(comment).fetchall() == [(f"{table.description} Grain: {table.grain}.",)]


def test_a_column_that_the_declaration_does_not_know_stays_out(tmp_path):
    snapshot = lakes.make(tmp_path, ONE)
    file = snapshot / "projects.parquet"
    table = pq.read_table(file)
    pq.write_table(table.append_column("later", table["region"]), file)
    with lakes.connect(tmp_path) as con:
        assert "later" not in con.sql("from projects").columns


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_histories_have_their_declared_columns_and_comments(table, with_comments):
    declared = [*table.columns, VALID_FROM, VALID_TO]
    with duckdb.connect(with_comments, read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        schema = con.sql(f"from history.{table.name}").to_arrow_table().schema
        assert list(zip(schema.names, schema.types, strict=True)) == [(column.name, column.type) for column in declared]
        where = f"where schema_name = 'history' and table_name = '{table.name}'"
        comments = con.sql(
            f"select column_name, comment from duckdb_columns() {where} order by column_index"
        ).fetchall()
        assert comments == [(column.name, column.description) for column in declared]
        comment = f"select comment from duckdb_views() where schema_name = 'history' and view_name = '{table.name}'"
        assert con.sql(comment).fetchall() == [
            (f"Every state of {table.name} that syncs have seen. Grain: {table.grain} and state it was seen in.",)
        ]


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_each_table_can_be_had_as_it_stood(table, tmp_path):
    lakes.make(tmp_path, {table.name: [{}]})
    with duckdb.connect(build(tmp_path), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        rows = con.sql(f"from as_of.{table.name}('2024-06-01')").to_arrow_table()
        assert rows.num_rows == 1
        assert list(zip(rows.schema.names, rows.schema.types, strict=True)) == [
            (column.name, column.type) for column in table.columns
        ]
        where = f"where schema_name = 'as_of' and function_name = '{table.name}'"
        ((comment,),) = con.sql(f"select comment from duckdb_functions() {where}").fetchall()
        assert comment.endswith(f"Grain: {table.grain}.")


STATES = {
    "history.project_versions": [
        {"version_name": "v", "status": "A", "valid_from": "2024-01-01 00:00:00Z", "valid_to": "2024-02-01 12:00:00Z"},
        {"version_name": "v", "status": "B", "valid_from": "2024-02-01 12:00:00Z", "valid_to": "2024-03-01 00:00:00Z"},
        {"version_name": "v", "status": "C", "valid_from": "2024-04-01 00:00:00Z", "valid_to": None},
    ]
}


@pytest.mark.parametrize(
    ("instant", "status"),
    [
        ("timestamptz '2023-12-31 23:59:59.999999+00'", None),
        ("timestamptz '2024-01-01 00:00:00+00'", "A"),
        ("timestamptz '2024-02-01 12:59:59.999999+01'", "A"),
        ("timestamp '2024-02-01 12:00:00'", "B"),
        ("date '2024-02-01'", "A"),
        ("'2024-02-02'", "B"),
        ("'2024-02-29T23:59:59.999999Z'", "B"),
        ("'2024-03-01'", None),
        ("'2024-04-01'", "C"),
        ("now()", "C"),
        ("current_date", "C"),
        ("getvariable('chosen')", "B"),
        ("null", None),
    ],
)
def test_an_instant_may_be_given_in_any_form(instant, status, tmp_path):
    lakes.make(tmp_path, STATES)
    with lakes.connect(tmp_path) as con:
        con.execute("set variable chosen = '2024-02-02'")
        rows = con.sql(f"select status from as_of.project_versions({instant})").fetchall()
        assert rows == ([(status,)] if status else [])


def test_an_instant_that_is_none_is_an_error(tmp_path):
    lakes.make(tmp_path, STATES)
    with lakes.connect(tmp_path) as con, pytest.raises(duckdb.ConversionException, match="last week"):
        con.sql("from as_of.project_versions('last week')").to_arrow_table()


@pytest.mark.parametrize("content", ["", "{}", "[]", None])
def test_the_manifest_must_say_what_there_is(content, tmp_path):
    manifest = lakes.make(tmp_path) / "manifest.json"
    manifest.unlink() if content is None else manifest.write_text(content)
    with pytest.raises(LakeError, match=r"manifest\.json: cannot be read: .*reklake doctor"):
        lakes.connect(tmp_path)


@pytest.mark.parametrize("folder", ["", "history"])
@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_columns_that_an_older_version_did_not_write_are_null(table, folder, tmp_path):
    ended = {"valid_from": "2024-06-01 00:00:00Z", "valid_to": "2024-06-02 00:00:00Z"}
    file = lakes.make(tmp_path, {f"history.{table.name}": [ended]} if folder else {table.name: [{}]})
    file = file / folder / f"{table.name}.parquet"
    newer = [name for name in table.names if name not in {"account_id", "region", *table.key}]
    pq.write_table(pq.read_table(file).drop_columns(newer), file)
    with lakes.connect(tmp_path) as con:
        for source in (f"history.{table.name}", f"as_of.{table.name}('2024-06-01')", *([] if folder else [table.name])):
            rows = con.sql(f"from {source}").to_arrow_table()
            assert {name: rows.schema.field(name).type for name in newer} == {
                column.name: column.type for column in table.columns if column.name in newer
            }
            assert rows.select(newer).to_pylist() == [dict.fromkeys(newer)]
        for mart in sqlfiles.read("marts"):
            con.sql(f"from {mart.name}").to_arrow_table()


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_a_table_that_an_older_version_did_not_have_is_empty(table, tmp_path):
    snapshot = lakes.make(tmp_path)
    for file in snapshot.rglob(f"{table.name}.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match=rf"{table.name}\.parquet: cannot be read"):
        lakes.connect(tmp_path)
    manifest = json.loads((snapshot / "manifest.json").read_text())
    del manifest["tables"][table.name]
    (snapshot / "manifest.json").write_text(json.dumps(manifest))
    with lakes.connect(tmp_path) as con:
        rows = con.sql(f"from {table.name}").to_arrow_table()
        assert rows.num_rows == 0
        assert list(zip(rows.schema.names, rows.schema.types, strict=True)) == [
            (column.name, column.type) for column in table.columns
        ]
        assert con.sql(f"from history.{table.name}").to_arrow_table().num_rows == 0
        assert con.sql(f"from as_of.{table.name}('2024-06-01')").to_arrow_table().num_rows == 0
        for mart in sqlfiles.read("marts"):
            con.sql(f"from {mart.name}").to_arrow_table()


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
            con.sql(f"from elsewhere.{mart.name}").to_arrow_table()
            con.sql(f"from elsewhere.marts.{mart.name}").to_arrow_table()
        rows = con.sql("select project_name, version_count from elsewhere.marts.project_summary").fetchall()
        assert rows == [("p", 1)]
        assert con.sql("select status from elsewhere.as_of.projects('2024-06-01')").fetchall() == [(None,)]
        assert con.sql("select valid_to from elsewhere.history.projects").fetchall() == [(None,)]


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
    lakes.make(tmp_path / "old", ONE, [lakes.run_record()])
    build(tmp_path / "old")
    shutil.move(tmp_path / "old", tmp_path / "new")
    with lakes.connect(tmp_path / "new") as con:
        assert con.sql("select count(*) from projects").fetchall() == [(1,)]
    with duckdb.connect(tmp_path / "new" / "lake.duckdb", read_only=True) as con:
        with pytest.raises(duckdb.IOException):
            con.sql("from projects").fetchall()
        con.execute(f"set variable reklake_lake = '{tmp_path / 'new'}'")
        for source in ("projects", "runs", "project_summary", "history.projects", "as_of.projects('2024-06-30')"):
            assert con.sql(f"from {source}").to_arrow_table().num_rows == 1


def test_a_reader_keeps_the_file_it_opened(tmp_path):
    lakes.make(tmp_path, ONE)
    with duckdb.connect(build(tmp_path), read_only=True) as reader:
        reader.sql("from marts.model_inventory").to_arrow_table()
        build(tmp_path, currency="EUR")
        assert reader.sql("select currency from marts.model_inventory").fetchall() == [("USD",)]


def test_nothing_is_left_behind(tmp_path):
    lakes.make(tmp_path)
    build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == WITH_DATABASE


def test_a_failure_leaves_the_old_file(tmp_path):
    snapshot = lakes.make(tmp_path, ONE)
    before = build(tmp_path).read_bytes()
    (snapshot / "datasets.parquet").unlink()
    with pytest.raises(LakeError, match=r"datasets\.parquet: cannot be read: No such file"):
        build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == WITH_DATABASE
    assert (tmp_path / "lake.duckdb").read_bytes() == before


DAMAGE = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "footer only": lambda file: file.write_bytes(b"PAR1"),
    "gone": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "another table": lambda file: pq.write_table(TABLES[0].schema.empty_table(), file),
}


@pytest.mark.parametrize("file", ["version_assets.parquet", "history/datasets.parquet"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_table_is_named_and_what_to_do(damage, file, tmp_path):
    damaged = lakes.make(tmp_path, ONE) / file
    damage(damaged)
    with pytest.raises(LakeError) as caught:
        lakes.connect(tmp_path)
    assert str(caught.value).startswith(f"{damaged}: cannot be read")
    assert str(caught.value).endswith("; run `reklake doctor`; `reklake rollback` returns to an earlier snapshot")
    assert "\n" not in str(caught.value)


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

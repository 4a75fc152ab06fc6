"""SQL that a person wrote: what it may do, what comes of it, and what is said when it is wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import UsageError
from pipeline.query import answers
from tests.sql import lakes

V2 = duckdb.__version__ >= "2"


@pytest.fixture
def lake(tmp_path):
    lakes.make(tmp_path / "lake's [1]", {"projects": [{"project_name": "p"}]}, [lakes.run_record()])
    (tmp_path / "outside.csv").write_text("a\n1\n")
    return tmp_path / "lake's [1]"


def ask(lake, text, **options):
    with lakes.connect(lake, **options) as con:
        results = answers.run(con, answers.parse(con, text), **options)
        return [[row for batch in result.batches for row in batch.to_pylist()] for result in results]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


QUESTIONS = [
    "from projects",
    "select * from (from projects)",
    "with q as (select 1) from q",
    "describe projects",
    "summarize projects",
    "show tables",
    "values (1)",
    "table projects",
    "explain from projects",
    "explain analyze from projects",
    "explain (format json) (select 1)",
    "explain (analyze, format json) with q as (select 1) from q",
    "pivot projects on region using count(*)",
    "from (pivot projects on region using count(*))",
    "from duckdb_columns()",
    'select \'copy\', "copy" from (select 1 as "copy") -- copy it',
    "select query from (select 1 as query)",
    "from runs",
    "from history.projects",
    "from as_of.projects('2024-06-01')",
    "from as_of.projects(now()) as before join projects using (project_arn)",
]


@pytest.mark.parametrize("text", QUESTIONS)
def test_questions_are_answered(text, lake):
    (rows,) = ask(lake, text)
    assert rows


SCRIPTS = [
    "create temp table t as from projects; select project_name from t",
    "create or replace temporary view t as from projects; select project_name from t",
    "create temp macro name() as table select project_name from projects; from name()",
    "set variable x = 'p'; select getvariable('x') as project_name",
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_may_keep_things_in_memory(text, lake):
    assert ask(lake, text) == [[{"project_name": "p"}]]


def test_scripts_may_write_to_their_own_tables_only_through_select(lake):
    with pytest.raises(UsageError, match=r"^INSERT is not allowed"):
        ask(lake, "create temp table t(a int); insert into t values (1)")


WRITES = [
    "copy (select 1) to '{lake}/out.csv'",
    "copy (select 1) to '{lake}/../out.csv'",
    "explain analyze copy (select 1) to '{lake}/out.csv'",
    "export database '{lake}/out'",
    "attach '{lake}/out.duckdb'",
    "prepare w as copy (select 1) to '{lake}/out.csv'; execute w",
    "with w as (copy (select 1) to '{lake}/out.csv') from w",
    "explain analyze with w as (copy (select 1) to '{lake}/out.csv') from w",
    "with w as (copy (select 1) to '{lake}/out.csv') pivot w on Count",
    "create temp table t as with w as (copy (select 1) to '{lake}/out.csv') from w",
    "from json_execute_serialized_sql(json_serialize_sql('with w as (copy (select 1) to ''x'') from w'))",
    "from \"json_execute_serialized_sql\" (json_serialize_sql('select 1'))",
    "from query('from projects')",
    "from enable_logging(storage='file', storage_path='{lake}/log')",
    "call enable_logging(storage='file', storage_path='{lake}/log')",
    "from enable_profiling(format='query_tree', save_location='{lake}/profile.txt')",
    "explain analyze create table t (a int)",
    "explain (analyze, format json) create table t (a int)",
    "select 1; /* ; */ copy (select 1) to '{lake}/out.csv'; select 2",
    "attach ':memory:' as m",
    "insert into projects select * from projects",
    "create temp secret s (type s3)",
    "create persistent secret s (type s3)",
    "create table t (a int)",
    "drop view projects",
    "install httpfs",
    "load httpfs",
    "set memory_limit = '1GB'",
    "set allowed_directories = ['/']",
    "reset lock_configuration",
    "pragma enable_profiling",
    "use marts",
    "checkpoint",
    "vacuum",
]


@pytest.mark.parametrize("text", WRITES)
def test_writing_is_refused(text, lake, tmp_path):
    before = files(tmp_path)
    text = text.format(lake=str(lake).replace("'", "''"))
    with pytest.raises(UsageError) as caught:
        ask(lake, text)
    assert files(tmp_path) == before
    if V2 or not any(words in text for words in ("with w", "temp secret")):  # syntax errors before DuckDB 2
        assert str(caught.value).count("\n") == 0
        assert "--allow-write" in str(caught.value)


def test_what_stands_before_a_refused_statement_is_not_lost_in_the_message(lake):
    with pytest.raises(UsageError, match=r"^COPY is not allowed: .* --allow-write"):
        ask(lake, "/* note */ copy projects to 'x.csv'")


OUTSIDE = [
    "read_csv('{outside}')",
    "read_text('{outside}')",
    "'{outside}'",
    "read_csv('{lake}/../outside.csv')",
    "read_csv('{lake}/link/outside.csv')",
    "glob('/*')",
    "'/etc/passwd'",
    "read_csv('/etc/passwd')",
    "read_parquet('https://example.com/a.parquet')",
]


@pytest.mark.parametrize("source", OUTSIDE)
def test_files_outside_the_lake_are_not_read(source, lake, tmp_path):
    (lake / "link").symlink_to(tmp_path)
    names = {"outside": str(tmp_path / "outside.csv"), "lake": str(lake)}
    quoted = {key: name.replace("'", "''") for key, name in names.items()}
    with pytest.raises(UsageError) as caught:
        ask(lake, f"from {source.format(**quoted)}")
    assert str(caught.value).count("\n") == 0 or "does not exist" in str(caught.value)
    assert "--allow-write" in str(caught.value) or "does not exist" in str(caught.value)


def test_files_of_the_lake_are_read(lake):
    file = str(lake / "runs" / "r1.json").replace("'", "''").replace("[", "[[]")
    assert ask(lake, f"select run_id from read_json('{file}')") == [[{"run_id": "r1"}]]


def test_allow_write_allows(lake, tmp_path):
    out = tmp_path / "out.csv"
    assert ask(lake, f"copy (select 1 as a) to '{out}'", allow_write=True) == []
    assert out.read_text() == "a\n1\n"
    assert ask(lake, f"from '{tmp_path / 'outside.csv'}'", allow_write=True) == [[{"a": 1}]]
    assert ask(lake, "create table t as select 1 as a; insert into t values (2); from t", allow_write=True) == [
        [{"a": 1}, {"a": 2}]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1) to '{file}'",
        "copy (select 1) to e'{file}' (format parquet)",
        "copy (select 1) to $x${file}$x$",
        "copy (select 1) to /* into */ ('{file}')",
        'copy (select 1) to "{file}"',
        "copy (select 1) to 'file://{file}'",
        "copy (select 1 as a) to '{lake}/../{name}/snapshots/new' (format csv, partition_by (a))",
        "copy (select 1 as a, 2 as b) to '{lake}' (format csv, partition_by (a), overwrite)",
        "copy (select 1 as a, 2 as b) to '{lake}/..' (format csv, partition_by (a), overwrite)",
        "copy (select 1) to '{lake}/link/CURRENT'",
        "prepare w as copy (select 1) to '{file}'; execute w",
        "export database '{lake}/raw'",
        "attach '{lake}/lake.duckdb' as l",
        "attach if not exists 'duckdb:{lake}/lake.duckdb' as l (read_write)",
    ],
)
def test_what_is_published_is_not_written_over_even_so(text, lake, tmp_path):
    (lake / "link").symlink_to(lake)
    file = next(lake.glob("**/projects.parquet"))
    content = file.read_bytes()
    before = files(tmp_path)
    quoted = {"file": str(file), "lake": str(lake), "name": lake.name}
    if '"' not in text and "$x$" not in text:
        quoted = {key: name.replace("'", "''") for key, name in quoted.items()}
    with pytest.raises(UsageError, match=r"what is published in .* does not change; write to another folder") as caught:
        written(lake, text.format(**quoted))
    assert str(caught.value).count("\n") == 0
    assert files(tmp_path) == before
    assert file.read_bytes() == content


def written(lake, text):
    with lakes.connect(lake, allow_write=True) as con:
        for result in answers.run(con, answers.parse(con, text), allow_write=True, lake=lake):
            list(result.batches)


@pytest.mark.parametrize(
    "text",
    [
        "copy (from read_parquet('{lake}/snapshots/*/projects.parquet')) to '{out}'",
        "copy projects to '{lake}/mine.csv'",
        "attach '{out}' as mine; create table mine.t as from projects",
        "export database '{out}'",
        "set memory_limit to '1GB'; pragma enable_profiling; create temp table t as from projects; from t",
        "pivot projects on region using count(*)",
        "load parquet; copy projects to '{out}' (overwrite false)",
    ],
)
def test_the_rest_is_written_where_it_is_asked_for(text, lake, tmp_path):
    plain = tmp_path / "plain"
    lake.rename(plain)
    written(plain, text.format(lake=plain, out=tmp_path / "out"))
    wanted = "mine.csv" in text or "{out}" in text
    assert wanted == ((tmp_path / "out").exists() or (plain / "mine.csv").exists())


def test_views_take_no_rows_and_no_database_of_the_lake_is_open(lake):
    with lakes.connect(lake, allow_write=True) as con:
        assert con.execute("select database_name, path from duckdb_databases() where not internal").fetchall() == [
            ("memory", None)
        ]
    for text in ("insert into projects from projects", "delete from projects", "update projects set region = 'x'"):
        with pytest.raises(UsageError):
            ask(lake, text, allow_write=True)


def test_a_query_larger_than_memory_spills_and_cleans_up(lake, monkeypatch, tmp_path):
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    with lakes.connect(lake) as con:
        (setting,) = con.execute("select current_setting('temp_directory')").fetchall()[0]
        assert Path(setting).parent == spill
    assert files(spill) == []


def test_results_are_computed_as_they_are_read(lake):
    with lakes.connect(lake) as con:
        (result,) = answers.run(con, answers.parse(con, "from range(1_000_000_000_000)"))
        batch = next(result.batches)
    assert 0 < batch.num_rows <= answers.BATCH_ROWS


def test_all_batches_come_in_order(lake):
    (rows,) = ask(lake, "select i from range(100_000) t(i) order by i")
    assert [row["i"] for row in rows] == list(range(100_000))


def test_names_are_made_unique(lake):
    assert ask(lake, "select 1 as a, 2 as a, 3 as a_2, 4 as a") == [[{"a": 1, "a_2": 2, "a_2_2": 3, "a_3": 4}]]


def test_statements_run_in_order_and_answer_in_order(lake):
    assert ask(lake, "select 1 as a; set variable x = 2; select getvariable('x') as b;;") == [
        [{"a": 1}],
        [{"b": 2}],
    ]


@pytest.mark.parametrize("text", ["", " \n", ";", "-- nothing", "/* nothing */ ;"])
def test_an_empty_query_is_named(text, lake):
    with pytest.raises(UsageError, match="the query is empty"):
        ask(lake, text)


def test_a_syntax_error_shows_the_place(lake):
    with pytest.raises(UsageError) as caught:
        ask(lake, "selct 1")
    first, *_, line, caret = str(caught.value).splitlines()
    assert "syntax error" in first
    assert line.startswith("LINE 1: selct 1")
    assert set(caret.strip()) == {"^"}


def test_an_unknown_table_names_those_there_are(lake):
    with pytest.raises(
        UsageError,
        match=r"(?s)projecs does not exist.*Did you mean.*projects.*There are: .*f1_trend.*scopes.*history\.projects",
    ):
        ask(lake, "from projecs")


def test_an_unknown_column_names_those_near_it(lake):
    with pytest.raises(UsageError, match=r'(?s)"project_nam" not found.*project_name'):
        ask(lake, "select project_nam from projects")


def test_a_value_that_fails_midway_is_a_plain_message(lake):
    text = "select case when i = 90000 then 'x' else '1' end::int as n from range(100_000) t(i)"
    with pytest.raises(UsageError, match="Could not convert string 'x' to INT32"):
        ask(lake, text)


def test_ctrl_c_in_a_query_is_ctrl_c():
    with duckdb.connect() as con, pytest.raises(KeyboardInterrupt), answers._explained(con):
        raise RuntimeError("Query interrupted")

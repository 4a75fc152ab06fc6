"""The headers of sql/ say what is there, and the order of creation follows from what the files name."""

from __future__ import annotations

import re

import duckdb
import pytest

from pipeline.errors import LakeError
from pipeline.lake import DATABASE
from pipeline.model import TABLES
from pipeline.query import checks, database, sqlfiles
from pipeline.query.sqlfiles import ON_DEMAND
from pipeline.settings import Prices
from tests.sql import lakes

VIEWS = [*sqlfiles.read("views"), *sqlfiles.read("marts")]
CHECKS = checks.all_checks()
CTE = re.compile(r"^(?:with (?:recursive )?)?(\w+) as (?:not materialized |materialized )?\($", re.MULTILINE)
READ_WHOLE = {"copies", "copy_counts", "attempts", "walk"}
"""CTEs read more than once, but into a group, a recursion or the inner side of a join."""


def names(files):
    return [f"{file.folder}/{file.name}" for file in files]


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    lake = tmp_path_factory.mktemp("lake")
    snapshot = lakes.make(lake)
    database.refresh(lake, snapshot=snapshot, prices=Prices())
    with duckdb.connect(lake / DATABASE, read_only=True) as con:
        yield con


@pytest.mark.parametrize("file", VIEWS, ids=names(VIEWS))
def test_each_column_is_documented_in_its_order(file, con):
    assert list(file.columns) == con.sql(f"from {file.view}").columns


@pytest.mark.parametrize("file", VIEWS, ids=names(VIEWS))
def test_each_view_says_its_grain(file):
    assert file.grain.startswith("one row")
    assert file.description.endswith(".")
    assert not [name for name, text in file.columns.items() if not text.endswith(".")]


@pytest.mark.parametrize("file", VIEWS, ids=names(VIEWS))
def test_the_headers_become_comments(file, con):
    schema, _, name = file.view.partition(".")
    columns = f"from duckdb_columns() where schema_name = '{schema}' and table_name = '{name}'"
    comments = con.sql(f"select column_name, comment {columns} order by column_index").fetchall()
    assert comments == list(file.columns.items())
    views = f"from duckdb_views() where schema_name = '{schema}' and view_name = '{name}'"
    assert con.sql(f"select comment {views}").fetchall() == [(f"{file.description} Grain: {file.grain}.",)]


@pytest.mark.parametrize("file", VIEWS, ids=names(VIEWS))
def test_no_cte_is_read_twice(file):
    # `with a as (...) from a join a as b on ... limit 10` hangs DuckDB 2.0.0 when a has many rows; what a file stored
    # in the oldest format says of materializing is lost
    for name in set(CTE.findall(file.body)) - READ_WHOLE:
        assert len(re.findall(rf"\b(?:from|join) {name}\b(?!\.)", file.body)) == 1, name


@pytest.mark.parametrize("file", VIEWS, ids=names(VIEWS))
def test_older_clients_read_the_windows(file):
    # DuckDB 2.0.0 stores `lead(a, 1, b)` so that 1.5 reads three arguments where it expects one
    assert not re.findall(r"\b(?:lead|lag)\([^()]*,", file.body)


@pytest.mark.parametrize("file", CHECKS, ids=names(CHECKS))
def test_each_check_says_how_bad_it_is(file):
    assert file.severity in {"error", "warn"}
    assert file.description.endswith(".")
    assert not file.columns
    assert file.when in {"", ON_DEMAND}


def test_no_two_checks_have_one_name():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("suffix", ["unique", "required"])
def test_each_table_has_its_key_checked(suffix):
    assert {f"{table.name}_{suffix}" for table in TABLES} <= {file.name for file in CHECKS}


def view(name, body, folder="marts"):
    return sqlfiles.parse(f"-- What.\n{body}", folder, name)


def test_a_header_is_read():
    file = sqlfiles.parse(
        "-- First line\n-- and second.\n-- grain: one row per thing\n-- columns:\n"
        "--   a: Says a.\n--   b: Begins\n--     and ends.\n\nselect 1 as a, 2 as b; \n",
        "views",
        "thing",
    )
    assert file.description == "First line and second."
    assert file.grain == "one row per thing"
    assert file.columns == {"a": "Says a.", "b": "Begins and ends."}
    assert file.body == "select 1 as a, 2 as b"
    assert file.view == "main.thing"


def test_files_stand_after_those_they_name():
    a = view("a", "select * from main.b join main.c using (x)")
    b = view("b", "select * from main.c")
    c = view("c", "select * from main.projects -- not main.a", folder="views")
    assert [file.name for file in sqlfiles.in_order([a, b, c])] == ["c", "b", "a"]


def test_a_circle_is_named():
    a, b = view("a", "select * from main.b"), view("b", "select * from main.a")
    with pytest.raises(LakeError, match=r"circle.*main\.\w -> main\.\w -> main\.\w"):
        sqlfiles.in_order([a, b])


def test_values_are_put_in():
    assert view("a", "select $price, '$'").statement({"price": "1.5"}).endswith("select 1.5, '$'")
    with pytest.raises(LakeError, match=r"sql/marts/a\.sql: no value is given for \$price"):
        view("a", "select $price").statement({})


@pytest.mark.parametrize("text", ["", "select 1", "-- Only words.\n", "-- Words.\n;\n"])
def test_a_file_needs_a_header_and_a_statement(text):
    with pytest.raises(LakeError, match=r"sql/marts/x\.sql"):
        sqlfiles.parse(text, "marts", "x")

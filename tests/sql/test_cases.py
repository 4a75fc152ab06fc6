"""Runs tests/sql/cases/*.md: each `##` section gives rows, asks a query, and expects its result.

A section holds `given TABLE` lines, each followed by a pipe table (see lakes.py for what may be left out; it
may be a history, or `runs` with a row a scope), one fenced query, and a pipe table after `expect`. Results are
compared as DuckDB spells them, in UTC; the lake's time is 2024-07-01. An expectation with only a header
expects no row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.query import sqlfiles
from tests.sql import lakes

CASES = Path(__file__).parent / "cases"
SECTION = re.compile(r"^## ", re.MULTILINE)
GIVEN = re.compile(r"^given ([\w.]+)\n\n((?:\|.*\n)+)", re.MULTILINE)
QUERY = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXPECT = re.compile(r"^expect\n\n((?:\|.*\n?)+)", re.MULTILINE)


@dataclass
class Case:
    name: str
    query: str
    expected: list[dict]
    given: dict[str, list[dict]] = field(default_factory=dict)
    runs: list[dict] = field(default_factory=list)


def cases():
    for path in sorted(CASES.glob("*.md")):
        for section in SECTION.split(path.read_text(encoding="utf-8"))[1:]:
            title = section.partition("\n")[0]
            given = {name: lakes.rows_of(text) for name, text in GIVEN.findall(section)}
            (query,) = QUERY.findall(section)
            (expected,) = EXPECT.findall(section)
            runs = lakes.run_records(given.pop("runs", []))
            case = Case(f"{path.stem}: {title}", query, lakes.rows_of(expected), given, runs)
            yield pytest.param(case, id=case.name)


@pytest.mark.parametrize("case", list(cases()))
def test_case(case, place):
    lakes.make(place, case.given, case.runs)
    with lakes.asked(place) as con:
        assert lakes.texts(con.sql(case.query)) == case.expected


def test_every_mart_has_cases():
    assert {file.name for file in sqlfiles.read("marts")} <= {path.stem for path in CASES.glob("*.md")}


@pytest.mark.parametrize("mart", [file.name for file in sqlfiles.read("marts")])
def test_an_empty_lake_gives_no_rows(mart, place):
    lakes.make(place)
    with lakes.asked(place) as con:
        assert con.sql(f"from {mart}").to_arrow_table().num_rows == 0


QUESTIONS = re.findall(
    r"^-- (\w+: .+?)\n([^;]+);",
    Path(__file__).parents[2].joinpath("bench", "questions.sql").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize("query", [query for _, query in QUESTIONS], ids=[name for name, _ in QUESTIONS])
def test_the_bench_asks_for_columns_that_are_there(query, place):
    lakes.make(place)
    with lakes.asked(place) as con:
        con.sql(re.sub(r"\$\w+", "null", query).replace("marts.", "")).to_arrow_table()

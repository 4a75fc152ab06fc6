"""How long the marts take to answer what analysts ask: python bench/suites/queries.py [VERSIONS] [RUNS].

The questions stand in bench/questions, one file a mart. Each run has a connection of its own to `lake.duckdb`, as a BI
tool that was just started; opening it is measured apart. Those of `scan` read columns and ask nothing of a mart: what
the machine takes at the least.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

sys.path.append(str(Path(__file__).parents[1]))
import lakes

QUESTIONS = Path(__file__).parents[1] / "questions"
OPENING = "opening"
LONGEST = 60.0
"""Seconds after which a question is not asked again: of ten million versions some take a minute each time."""


def questions(mart: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield mart, question and its SQL, of one mart or of all."""
    for path in sorted(QUESTIONS.glob(f"{mart or '*'}.sql")):
        for section in path.read_text(encoding="utf-8").split("-- ")[1:]:
            name, _, query = section.partition("\n")
            yield path.stem, name, query.strip()


def subjects(lake: Path) -> dict[str, str]:
    """Return what the questions are about: a project, one of its versions and manifests, the last run and week."""
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        middle = "(select project_arn from main.projects order by project_arn limit 1 offset $offset)"
        count = con.sql("select count(*) from main.projects").fetchall()[0][0]
        query = f"""
            select assets.project_arn, assets.project_version_arn, assets.key
            from main.version_assets as assets
            where assets.project_arn = {middle} and assets.stage = 'input'
            order by assets.project_version_arn
            limit 1
        """
        (project, version, key) = con.execute(query, {"offset": count // 2}).fetchall()[0]
        ((run, since),) = con.sql(
            "select max(run_id), (max(started_at) - interval 7 days)::varchar from main.runs"
        ).fetchall()
    return {
        "$project_arn": project,
        "$project_version_arn": version,
        "$key": key,
        "$run_id": run,
        "$since": since,
    }


def ask(lake: Path, query: str) -> tuple[float, float, int]:
    """Return the milliseconds that opening and asking took, and the rows that came."""
    began = time.perf_counter()
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        con.execute("select now_at from main.clock").fetchall()
        opened = time.perf_counter()
        rows = con.sql(query).to_arrow_table().num_rows
        return 1000 * (opened - began), 1000 * (time.perf_counter() - opened), rows


def measure_lake(lake: Path, runs: int, mart: str = "") -> list[dict[str, Any]]:
    """Return a row a question about a lake, and one on opening it."""
    about = subjects(lake)
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        versions = con.sql("select count(*) from main.project_versions").fetchall()[0][0]
    measured, openings = [], []
    for name, question, text in questions(mart):
        query = text
        for placeholder in sorted(about, key=len, reverse=True):
            query = query.replace(placeholder, f"'{about[placeholder]}'")
        taken: list[float] = []
        while len(taken) < runs and sum(taken) < 1000 * LONGEST:
            opening, asking, _ = ask(lake, query)
            openings.append(opening)
            taken.append(asking)
        measured.append(_row(name, question, versions, taken))
    return [_row(OPENING, "connect and ask for the time", versions, openings), *measured]


def measure(versions: int, runs: int) -> list[dict[str, Any]]:
    """Make a lake of so many versions, ask every question so many times, and return a row a question."""
    with tempfile.TemporaryDirectory() as folder:
        lakes.make(Path(folder) / "lake", versions)
        return measure_lake(Path(folder) / "lake", runs)


def _row(mart: str, question: str, versions: int, taken: list[float]) -> dict[str, Any]:
    return {
        "mart": mart,
        "question": question,
        "versions": versions,
        "runs": len(taken),
        "median_ms": round(statistics.median(taken), 1),
        "min_ms": round(min(taken), 1),
        "max_ms": round(max(taken), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", type=int, nargs="?", default=1_000_000)
    parser.add_argument("runs", type=int, nargs="?", default=5)
    parser.add_argument("--lake", type=Path, help="ask about this lake instead of making one")
    parser.add_argument("--mart", default="", help="ask the questions of this mart only")
    given = parser.parse_args()
    rows = measure_lake(given.lake, given.runs, given.mart) if given.lake else measure(given.versions, given.runs)
    for row in rows:
        place = f"{row['mart']}: {row['question']}"
        often = "" if row["runs"] >= given.runs else f", {row['runs']} runs"
        print(f"{place:<55}{row['median_ms']:>9.1f} ms  ({row['min_ms']:.1f} to {row['max_ms']:.1f}{often})")


if __name__ == "__main__":
    main()

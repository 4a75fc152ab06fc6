"""The views over run records, without those over a snapshot: they also work if nothing is published."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any

import duckdb

from pipeline.errors import LakeError
from pipeline.lake import RUNS, LocalLake, run_days, run_log
from pipeline.query import sqlfiles
from pipeline.query.sqlfiles import literal

VIEWS = frozenset({"run_files", "run_rows", "runs", "run_scopes", "run_details", "scopes", "listings"})


def values(lake: Path, location: str) -> dict[str, str]:
    """Return the SQL for the `$name` values in the files of these views; `location` is SQL for the lake's folder.

    `$runs` is the folder of the records, `$run_records` the JSON files to read, and `$last_day` the last day that has a
    Parquet file. LakeError if a Parquet file is damaged, or if the empty one is missing.
    """
    if not (lake / RUNS / run_days.NONE).exists():
        raise LakeError(f"{lake}: {RUNS}/{run_days.NONE} is missing; `reklake sync` writes it again")
    last_day, patterns = run_log.json_patterns(LocalLake(lake))
    files = ", ".join(f"{location} || {literal(f'/{RUNS}/{pattern}')}" for pattern in patterns)
    return {"runs": f"{location} || '/{RUNS}'", "run_records": f"[{files}]", "last_day": literal(last_day)}


def ask(lake: Path, query: str, *, memory: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query over the run records of a lake; LakeError if the records cannot be read.

    Beyond `memory` ("96MB") it spills to disk.
    """
    try:
        with duckdb.connect() as con:
            con.execute("set timezone = 'UTC'")
            con.execute(sqlfiles.CACHE_FOOTERS)
            con.execute(f"set memory_limit = {literal(memory)}")
            given = values(lake, literal(escape(str(lake.resolve()))))
            for file in sqlfiles.in_order(file for file in sqlfiles.read("views") if file.name in VIEWS):
                con.execute(f"create view {file.view} as {file.statement(given)}")
            return con.sql(query).fetchall()
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise LakeError(f"{lake}: the run records cannot be read: {first}. `reklake doctor` says which.") from error

"""Data checks: queries that should find no row, from sql/checks and from the declarations of the tables."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipeline.errors import LakeError
from pipeline.query import constraints, sqlfiles
from pipeline.query.sqlfiles import ON_DEMAND, SqlFile

SAMPLE_ROWS = 5
"""Offending rows in a result. The check's query returns all of them."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check.

    `severity` is error (the lake contradicts itself or the API's rules) or warn (unusual). `rows` counts all offending
    rows, `sample` has the first SAMPLE_ROWS, and `query` finds them again.
    """

    name: str
    severity: str
    description: str
    rows: int
    sample: pa.Table
    query: str

    @property
    def passed(self) -> bool:
        """Whether the check found no row."""
        return self.rows == 0


def all_checks() -> tuple[SqlFile, ...]:
    """Return every check, by name."""
    return tuple(sorted([*sqlfiles.read("checks"), *constraints.checks()], key=lambda check: check.name))


def run(con: duckdb.DuckDBPyConnection) -> tuple[CheckResult, ...]:
    """Run every check over a connection with a lake's views (`pipeline.query.database`)."""
    return tuple(run_check(con, check) for check in all_checks())


def run_after_writing(con: duckdb.DuckDBPyConnection) -> tuple[CheckResult, ...]:
    """Run the checks of AWS's answers and of the runs, without those of what every writer ensures."""
    return tuple(run_check(con, check) for check in all_checks() if check.when != ON_DEMAND)


def run_check(con: duckdb.DuckDBPyConnection, check: SqlFile) -> CheckResult:
    """Run a check; LakeError, naming it, if it cannot be run."""
    query = check.statement({})
    try:
        rows, sample = _found(con, query)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise LakeError(f"check {check.name} cannot be run: {first}. If a file is damaged, sync again.") from error
    return CheckResult(
        name=check.name,
        severity=check.severity,
        description=check.description,
        rows=rows,
        sample=sample,
        query=query,
    )


def _found(con: duckdb.DuckDBPyConnection, query: str) -> tuple[int, pa.Table]:
    """Count the rows as they stream, and keep the first: in a damaged lake every row may be offending."""
    reader = con.sql(query).to_arrow_reader()
    rows, kept = 0, []
    for batch in reader:
        kept.append(batch.slice(0, max(0, SAMPLE_ROWS - rows)))
        rows += batch.num_rows
    return rows, pa.Table.from_batches([batch for batch in kept if batch.num_rows], schema=reader.schema)

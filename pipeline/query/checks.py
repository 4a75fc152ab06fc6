"""Data checks: the queries of sql/checks, each of which should find no row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import msgspec
import pyarrow as pa

from pipeline.errors import LakeError
from pipeline.query import sqlfiles

ON_DEMAND, EVERY_SYNC = "on demand", "every sync"
"""When a check is asked: only if somebody wants it, or even if the snapshot is one that was asked already."""
SAMPLE_ROWS = 5
"""Offending rows that a result carries; the check's own query gives the rest."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    `severity` is error (the lake contradicts itself or the API's own rules) or warn (unusual, look at it);
    `rows` counts all offending rows, `sample` holds the first of them and `query` finds them again.
    """

    name: str
    severity: str
    description: str
    rows: int
    sample: pa.Table
    query: str

    @property
    def passed(self) -> bool:
        """Whether no row was found."""
        return self.rows == 0


def run(con: duckdb.DuckDBPyConnection) -> tuple[CheckResult, ...]:
    """Run every check over a connection that holds a lake's views (`pipeline.query.database`)."""
    return tuple(_run(con, file) for file in sqlfiles.read("checks"))


def run_after_writing(con: duckdb.DuckDBPyConnection, *, is_sound: bool) -> tuple[CheckResult, ...]:
    """Run the checks that ask what AWS has told, not what every writer makes sure of by itself.

    Of a snapshot that `is_sound`, only those whose answers may be others by now.
    """
    files = [file for file in sqlfiles.read("checks") if file.when != ON_DEMAND]
    return tuple(_run(con, file) for file in files if file.when == EVERY_SYNC or not is_sound)


def finds_nothing(results: Iterable[CheckResult]) -> bool:
    """Whether all checks that need not be asked again of the same snapshot have passed."""
    again = {file.name for file in sqlfiles.read("checks") if file.when == EVERY_SYNC}
    return all(result.passed for result in results if result.name not in again)


def digest() -> str:
    """Return a hash of all checks: it is another where they ask anything else."""
    return hashlib.sha256(msgspec.json.encode(sqlfiles.read("checks"))).hexdigest()


def _run(con: duckdb.DuckDBPyConnection, file: sqlfiles.SqlFile) -> CheckResult:
    query = file.statement({})
    try:
        rows, sample = _found(con, query)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise LakeError(f"check {file.name} cannot be run: {first}. If a file is damaged, sync again.") from error
    return CheckResult(
        name=file.name,
        severity=file.severity,
        description=file.description,
        rows=rows,
        sample=sample,
        query=query,
    )


def _found(con: duckdb.DuckDBPyConnection, query: str) -> tuple[int, pa.Table]:
    """Count the rows as they stream, and keep the first: a damaged lake may break a check on every row."""
    reader = con.sql(query).to_arrow_reader()
    rows, kept = 0, []
    for batch in reader:
        kept.append(batch.slice(0, max(0, SAMPLE_ROWS - rows)))
        rows += batch.num_rows
    return rows, pa.Table.from_batches([batch for batch in kept if batch.num_rows], schema=reader.schema)

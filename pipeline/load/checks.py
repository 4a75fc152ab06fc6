"""Data checks: the queries of sql/checks, each of which should find no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.load import sqlfiles

if TYPE_CHECKING:
    import duckdb

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
    """Run every check over a connection that holds a lake's views (`pipeline.load.warehouse`)."""
    return tuple(_run(con, file) for file in sqlfiles.read("checks"))


def _run(con: duckdb.DuckDBPyConnection, file: sqlfiles.SqlFile) -> CheckResult:
    query = file.statement({})
    reader = con.sql(query).to_arrow_reader()
    rows, kept = 0, []
    for batch in reader:  # counted as it streams: a damaged lake may break a check on every row
        if rows < SAMPLE_ROWS:
            kept.append(batch.slice(0, SAMPLE_ROWS - rows))
        rows += batch.num_rows
    return CheckResult(
        name=file.name,
        severity=file.severity,
        description=file.description,
        rows=rows,
        sample=pa.Table.from_batches(kept, schema=reader.schema),
        query=query,
    )

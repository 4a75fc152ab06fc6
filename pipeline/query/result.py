"""The result of a query, as a stream. A module of its own, so that rows of another source need no DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a statement: unique column names, and rows that are computed as they are read.

    Reading a batch raises UsageError if a value cannot be computed.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

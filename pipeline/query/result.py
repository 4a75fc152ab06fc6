"""The answer to a query, as it streams; apart from what asks, so that rows of another source need no DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Result:
    """One statement's answer: unique column names, and rows that are computed as they are read.

    Reading a batch raises UsageError when a value cannot be computed.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

"""Sorted runs into one sorted whole, a range of keys at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model.order import in_key_order

RANGE_ROWS = 40_000
"""Rows that a range of keys should come to."""
BATCH_ROWS = 2_000
"""Rows of a batch: narrow in keys where a run is sorted, so that a merge reads little twice."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch of a run, and the keys it spans."""

    number: int
    rows: int
    lowest: str
    highest: str


class Run:
    """Rows set aside on disk as Arrow batches: cheaper than Parquet to write and to read back, and gone soon."""

    def __init__(self, path: Path, schema: pa.Schema, key: Sequence[str]) -> None:
        self.path = path
        self.key = key
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
        self.batches: list[_Batch] = []

    def add(self, rows: pa.Table) -> None:
        """Append rows sorted by key."""
        name = self.key[0]
        for batch in rows.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            self._writer.write_batch(batch)
            keys = batch.column(name)
            self.batches.append(_Batch(len(self.batches), batch.num_rows, keys[0].as_py(), keys[-1].as_py()))

    def close(self) -> None:
        """End writing; without effect when it has ended."""
        if not self._file.closed:
            self._writer.close()
            self._file.close()


def merged(runs: Sequence[Run]) -> Iterator[pa.Table]:
    """Yield the rows of closed runs in key order, of equal keys the one that came last; a later run is later."""
    key = runs[0].key
    readers = [pa.ipc.open_file(pa.memory_map(str(run.path))) for run in runs]
    batches = [(reader, batch) for run, reader in zip(runs, readers, strict=True) for batch in run.batches]
    for low, high in pairwise([None, *_borders([batch for _, batch in batches]), None]):
        parts = [
            _within(pa.table(reader.get_batch(batch.number)), key[0], low, high)
            for reader, batch in batches
            if (low is None or batch.highest >= low) and (high is None or batch.lowest < high)
        ]
        if parts:
            rows = pa.concat_tables(parts)
            yield rows.take(in_key_order(rows, key))


def _borders(batches: Sequence[_Batch]) -> list[str]:
    """Return keys that part all rows into ranges of about RANGE_ROWS."""
    borders: list[str] = []
    rows = 0
    for batch in sorted(batches, key=lambda batch: batch.lowest):
        if rows >= RANGE_ROWS and (not borders or batch.lowest > borders[-1]):
            borders.append(batch.lowest)
            rows = 0
        rows += batch.rows
    return borders


def _within(rows: pa.Table, name: str, low: str | None, high: str | None) -> pa.Table:
    """Return the rows whose key is in the range: at or above `low`, below `high`."""
    if low is not None:
        rows = rows.filter(pc.greater_equal(rows.column(name), low))
    return rows if high is None else rows.filter(pc.less(rows.column(name), high))

"""Sorted runs into one sorted whole, a range of keys at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model.order import in_key_order

RANGE_BYTES = 8 << 20
"""Bytes of rows that a range of keys should come to: 40,000 assets."""
BATCH_BYTES = 256 << 10
"""Bytes of a batch: narrow in keys where a run is sorted, so that a merge reads little twice."""
AT_HAND_BYTES = 16 << 20
"""Bytes of batches kept from one range for the next, into which they reach; others are read again."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch of a run, and the keys it spans."""

    number: int
    size: int
    lowest: str
    highest: str


class Run:
    """Rows set aside on disk as Arrow batches: cheaper than Parquet to write and to read back, and gone soon."""

    def __init__(self, path: Path, schema: pa.Schema, key: Sequence[str]) -> None:
        self.path = path
        self.key = key
        self.since: str | None = None
        """Rows with keys below it are not wanted any more."""
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, schema)
        self.batches: list[_Batch] = []
        """Those in which there may be rows that are wanted."""

    def add(self, rows: pa.Table) -> None:
        """Append rows sorted by key."""
        name = self.key[0]
        most = max(1, rows.num_rows * BATCH_BYTES // max(1, rows.nbytes))
        for batch in rows.combine_chunks().to_batches(max_chunksize=most):
            self._writer.write_batch(batch)
            keys = batch.column(name)
            self.batches.append(_Batch(len(self.batches), batch.nbytes, keys[0].as_py(), keys[-1].as_py()))

    def let_go(self, until: str | None) -> None:
        """Want no more rows with keys below that; None: none at all."""
        self.since = until
        self.batches = [batch for batch in self.batches if until is not None and batch.highest >= until]

    def close(self) -> None:
        """End writing; without effect when it has ended."""
        if not self._file.closed:
            self._writer.close()
            self._file.close()

    @property
    def lowest(self) -> str | None:
        """The key below which no row is wanted; None if none is at all."""
        lowest = min((batch.lowest for batch in self.batches), default=None)
        return self.since if lowest and self.since and self.since > lowest else lowest


def merged(runs: Sequence[Run], until: str | None = None) -> Iterator[pa.Table]:
    """Yield the wanted rows of closed runs in key order, of equal keys the one that came last; a later run is later.

    Rows with keys at or above `until` stay; those below are not wanted any more once all are yielded.
    """
    key = runs[0].key
    sources = [_Source(run, batch) for run in runs for batch in run.batches if until is None or batch.lowest < until]
    at_hand = _AtHand()
    for low, high in pairwise([None, *_borders([source.batch for source in sources]), until]):
        parts = []
        for source in [source for source in sources if source.is_in(low, high)]:
            rows = at_hand.take(source)
            parts.append(_within(rows, key[0], source.from_key(low), high))
            if high is not None and source.batch.highest >= high:
                at_hand.keep(source, rows)
        if parts:
            rows = pa.concat_tables(parts)
            yield rows.take(in_key_order(rows, key))
    for run in runs:
        run.let_go(until)


@dataclass(frozen=True, slots=True)
class _Source:
    """A batch of one of several runs."""

    run: Run
    batch: _Batch

    def is_in(self, low: str | None, high: str | None) -> bool:
        """Whether it may have rows in a range."""
        return (low is None or self.batch.highest >= low) and (high is None or self.batch.lowest < high)

    def from_key(self, low: str | None) -> str | None:
        """Return from which key on its rows are wanted in a range that begins at `low`."""
        since = self.run.since
        return since if low is None or (since is not None and since > low) else low


class _AtHand:
    """Batches that were read, and of those that will be wanted again as many as memory should hold."""

    def __init__(self) -> None:
        self._files: dict[Run, pa.RecordBatchFileReader] = {}
        self._kept: dict[_Source, pa.Table] = {}
        self._size = 0

    def take(self, source: _Source) -> pa.Table:
        """Return a batch's rows; they are kept no longer."""
        if source in self._kept:
            self._size -= source.batch.size
            return self._kept.pop(source)
        if source.run not in self._files:
            self._files[source.run] = pa.ipc.open_file(pa.OSFile(str(source.run.path)))
        return pa.table(self._files[source.run].get_batch(source.batch.number))

    def keep(self, source: _Source, rows: pa.Table) -> None:
        """Keep a batch's rows for the next range, if there is room."""
        if self._size + source.batch.size <= AT_HAND_BYTES:
            self._kept[source] = rows
            self._size += source.batch.size


def _borders(batches: Sequence[_Batch]) -> list[str]:
    """Return keys that part all rows into ranges of about RANGE_BYTES."""
    borders: list[str] = []
    size = 0
    for batch in sorted(batches, key=lambda batch: batch.lowest):
        if size >= RANGE_BYTES and (not borders or batch.lowest > borders[-1]):
            borders.append(batch.lowest)
            size = 0
        size += batch.size
    return borders


def _within(rows: pa.Table, name: str, low: str | None, high: str | None) -> pa.Table:
    """Return the rows, sorted, whose key is in the range: at or above `low`, below `high`."""
    keys = rows.column(name)
    start = 0 if low is None else _count(pc.less(keys, low))
    end = rows.num_rows if high is None else _count(pc.less(keys, high))
    return rows.slice(start, max(0, end - start))


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask, min_count=0).as_py())

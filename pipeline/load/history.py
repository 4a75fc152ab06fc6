"""Histories: the states that rows were known to have, and the rows as they are now, into the states from now on.

Both are read range by range, and what comes of a range is written while the next one is read: memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.load.parallel import ordered_map
from pipeline.load.replacing import Replacing
from pipeline.load.scd2 import Merge
from pipeline.load.sorted_file import ROW_GROUP_ROWS, SortedFile, in_schema, row_group_rows
from pipeline.model import Origin, Table, history_of
from pipeline.model.page import Scope

RANGE_ROWS = 10_000
"""Rows of each side that a range of keys comes to, half as many of a wide table: memory stays flat, and more would
hardly be faster. Versions in ranges of 10,000 take 30 MB more."""


def write(
    table: Table,
    path: Path,
    *,
    known: Path | None,
    present: Path,
    listed: Mapping[Scope, datetime],
    known_since: Mapping[Scope, datetime] | None = None,
    replaced: Sequence[Replacing] = (),
) -> int:
    """Write the table's history to `path` and return its rows.

    `known` is its file in the last snapshot and `present` the table itself in the new one, both sorted by key. States
    begin and end at the instants in `listed`; those of scopes that are not in it stay as they are. With `known_since`,
    `known` is no history but the last snapshot's table, and each row has been so since its scope's instant. If
    `replaced` tells all that is new in the table, the rest of it need not be read.
    """
    target = history_of(table)
    before: Iterator[pa.Table] = iter(())
    if known:
        before = _read(known, target) if known_since is None else _first(table, known, known_since)
    merge = Merge(table, _compared(table, pq.read_schema(known)) if known else table.names, listed)
    now = _read(present, table)
    if replaced:
        merge.only(pa.concat_arrays([one.arns for one in replaced]))
        now = (one.replacement for one in replaced if one.replacement.num_rows)
    ranges = _ranges(before, now, target, table)
    file = SortedFile(path, target)
    states: Iterator[pa.Table] = (merge.states(*both) for both in ranges)
    if not replaced:  # to compare all rows takes longer than to write them; where most are taken over, it would not pay
        states = ordered_map(lambda both: merge.states(*both), ranges)
    for _ in ordered_map(file.add, states):
        pass  # rows are added in order, on a thread of their own
    file.close()
    return file.rows


def is_whole(path: Path, declared: Table) -> bool:
    """Whether the file of a table or a history has every column: an older version did not write them all."""
    return set(declared.names) <= set(pq.read_schema(path).names)


def _compared(table: Table, before: pa.Schema) -> list[str]:
    """Return the columns in which a difference is a change.

    A column that the last snapshot did not have is no change in AWS: states that last get its values. Nor is `extra`
    then, which may have held them.
    """
    has_gained = not set(table.names) <= set(before.names)
    return [
        column.name
        for column in table.columns
        if column.name in before.names and not (has_gained and column.origin is Origin.UNKNOWN)
    ]


def _first(table: Table, path: Path, since: Mapping[Scope, datetime]) -> Iterator[pa.Table]:
    """Yield the states of a first history, which was not written because its table's file tells as much."""
    merge, nothing = Merge(table, table.names, since), history_of(table).schema.empty_table()
    for rows in _read(path, table):
        yield merge.states(nothing, rows)


def _read(path: Path, table: Table) -> Iterator[pa.Table]:
    """Yield a file's rows in the declared schema."""
    count = max(1, RANGE_ROWS * row_group_rows(table) // ROW_GROUP_ROWS)
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):  # asked for at once, each would take its memory from the beginning
            for batch in file.iter_batches(count, row_groups=[group], use_threads=False):  # other cores write
                yield in_schema(pa.table(batch), table.schema)


def _ranges(
    known: Iterator[pa.Table], present: Iterator[pa.Table], history: Table, table: Table
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Cut two streams of rows, each sorted by key, at the same keys."""
    key = table.key[0]
    streams = _Stream(known, history.schema, key), _Stream(present, table.schema, key)
    high: str | None = ""
    while high is not None:
        high = min((stream.highest for stream in streams if stream.highest is not None), default=None)
        known_rows, present_rows = (stream.take(high) for stream in streams)
        if known_rows.num_rows or present_rows.num_rows:
            yield known_rows, present_rows


class _Stream:
    """Sorted rows, a batch ahead; those of one key may stand in several batches."""

    def __init__(self, batches: Iterator[pa.Table], schema: pa.Schema, key: str) -> None:
        self._batches = batches
        self._key = key
        self._rows = schema.empty_table()
        self.highest: str | None = None
        """The key up to which, but without which, all rows are there; None when all are."""
        self._more()

    def take(self, high: str | None) -> pa.Table:
        """Return the rows whose key is below `high` (None: all of them), and let go of them."""
        count = self._rows.num_rows
        if high is not None:
            count = int(pc.sum(pc.less(self._rows.column(self._key), high), min_count=0).as_py())
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        if high is not None and self.highest == high:
            self._more()
        return taken

    def _more(self) -> None:
        batch = next(self._batches, None)
        if batch is None:
            self.highest = None
            return
        self._rows = pa.concat_tables([self._rows, batch])
        self.highest = self._rows.column(self._key)[-1].as_py()

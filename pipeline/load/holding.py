"""Rows of one table that wait for those that come before them: a few in memory, the others on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.load.merge import Run, merged
from pipeline.model import Table
from pipeline.model.order import in_key_order

HELD_BYTES = 8 << 20
"""Bytes of rows in memory at the most until nothing can come before them: the assets of 2,500 versions."""


class Holding:
    """Takes pieces of rows, each sorted by key, and yields all in key order as soon as nothing can come before them.

    What waits beyond HELD_BYTES is sorted and set aside on disk, each time as a run of its own, and merged when its
    turn has come: projects that are listed side by side for long, or one whose rows no memory should hold.
    """

    def __init__(self, table: Table, path: Path) -> None:
        """Take the declaration, and a path; what is set aside stands beside it."""
        self._table = table
        self._path = path
        self._pieces: list[pa.Table] = []
        self._runs: list[Run] = []
        self._numbers = count(1)

    def through(self, piece: pa.Table, settled: str | None) -> Iterator[pa.Table]:
        """Take a piece, and yield the rows with keys below `settled` in key order, of equal keys the last; None: all.

        To be iterated to its end.
        """
        if piece.num_rows:
            self._pieces.append(piece)
        if self._has_any(settled):
            yield from self._from_disk(settled) if self._runs else self._from_memory(settled)
        if sum(held.nbytes for held in self._pieces) > HELD_BYTES:
            self._set_aside()

    def keep(self, wanted: Callable[[pa.Table], pa.Table]) -> None:
        """Let go of all rows but what `wanted` returns of them."""
        self._pieces = [rows for held in self._pieces if (rows := wanted(held)).num_rows]
        self._runs += [self._run(wanted(rows) for rows in merged([run])) for run in self._runs]
        self._let_go()

    def _has_any(self, settled: str | None) -> bool:
        """Whether there are rows below `settled`."""
        lowest = [held.column(self._table.key[0])[0].as_py() for held in self._pieces]
        lowest += [run.lowest for run in self._runs if run.lowest is not None]
        return bool(lowest) and (settled is None or min(lowest) < settled)

    def _from_memory(self, settled: str | None) -> Iterator[pa.Table]:
        rows = self._in_order()
        ready = rows.num_rows
        if settled is not None:
            ready = pc.sum(pc.less(rows.column(self._table.key[0]), settled)).as_py()
        self._pieces = [rows.slice(ready)] if ready < rows.num_rows else []
        yield rows.slice(0, ready)

    def _from_disk(self, settled: str | None) -> Iterator[pa.Table]:
        if self._pieces:
            self._set_aside()
        yield from merged(self._runs, settled)
        self._let_go()

    def _let_go(self) -> None:
        """Remove the runs of which nothing is wanted any more."""
        for run in [run for run in self._runs if run.lowest is None]:
            run.path.unlink()
            self._runs.remove(run)

    def _in_order(self) -> pa.Table:
        """Return what is in memory in key order."""
        rows = pa.concat_tables(self._pieces)
        ends = [held.column(self._table.key[0])[at].as_py() for held in self._pieces for at in (0, -1)]
        if all(last < first for last, first in list(pairwise(ends))[1::2]):
            return rows
        return rows.take(in_key_order(rows, self._table.key))

    def _set_aside(self) -> None:
        self._runs.append(self._run([self._in_order()]))
        self._pieces = []

    def _run(self, sorted_rows: Iterable[pa.Table]) -> Run:
        run = Run(self._path.with_suffix(f".{next(self._numbers)}"), self._table.schema, self._table.key)
        for rows in sorted_rows:
            run.add(rows)
        run.close()
        return run

"""Sorted rows of which those about some ARNs are replaced by others: the rest is taken over without being looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model import Table, parent_key


class Replacing:
    """What takes the place of a table's rows about the ARNs in `old`: `rows`, sorted by key."""

    def __init__(self, table: Table, old: pa.Array, rows: pa.Table) -> None:
        self.table = table
        self.replacement = rows
        self.arns = pc.unique(pa.chunked_array([old, *rows.column(parent_key(table)).chunks], pa.string()))
        """The ARNs that rows are about which go or come."""
        self.is_contradicted = False
        """Whether a row that was taken over is about an ARN that some of `rows` are about too."""
        self._old = old

    def rows(self, before: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the table's rows as they are from now on, sorted by key, from those before, which are too."""
        first, arn = self.table.key[0], parent_key(self.table)
        rest = self.replacement
        for some in before:
            kept = some.filter(pc.invert(pc.is_in(some.column(arn), self._old)))
            if pc.any(pc.is_in(kept.column(arn), self.arns), min_count=0).as_py():
                self.is_contradicted = True
            count = 0
            if some.num_rows:
                count = pc.sum(pc.less_equal(rest.column(first), some.column(first)[-1]), min_count=0).as_py()
            mixed, rest = pa.concat_tables([kept, rest.slice(0, count)]), rest.slice(count)
            # no ARN is on both sides, and the sort is stable: what is about one keeps its order
            yield mixed.take(pc.sort_indices(mixed.column(first))) if count else mixed
        yield rest

"""The temporal merge: previous rows and new rows into current rows and ended states.

As in SQL:2011, a table has current rows with `valid_from`, and a history of ended states with `valid_from` and
`valid_to`. The merge uses Arrow's kernels, on the rows of one scope and one range of keys.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model import VALID_FROM, Origin, Table, history_of, with_validity


def merge(
    table: Table, before: pa.Table, rows: pa.Table, listed_at: datetime, compared: Collection[str]
) -> tuple[pa.Table, pa.Table]:
    """Return the current rows with `valid_from`, and the states that end, both sorted by key.

    `before` has the declared columns and `valid_from`, `rows` the declared columns. Both are sorted by key and have
    each key once. A row that is equal in the `compared` columns keeps its `valid_from`. A row that differs, or is gone,
    ends at `listed_at`, and a new one begins then. A state that began at that very instant is replaced, not ended.
    """
    before_at, rows_at = _pairs(before, rows, table.key)
    is_same = _are_equal(before.take(before_at), rows.take(rows_at), compared)
    lasting, unchanged = before_at.filter(is_same), rows_at.filter(is_same)
    instant = pa.scalar(listed_at, VALID_FROM.type)
    valid_from = pc.replace_with_mask(
        pa.repeat(instant, rows.num_rows),
        _is_at(rows.num_rows, unchanged),
        before.column(VALID_FROM.name).take(lasting).combine_chunks(),
    )
    current = pa.table([*rows.columns, valid_from], schema=with_validity(table).schema)
    ended = before.filter(pc.invert(_is_at(before.num_rows, lasting)))
    ended = ended.filter(pc.less(ended.column(VALID_FROM.name), instant))
    closed = pa.table([*ended.columns, pa.repeat(instant, ended.num_rows)], schema=history_of(table).schema)
    return current, closed


def compared_columns(table: Table, flattened_with: Collection[str]) -> list[str]:
    """Return the columns in which a difference is a change, given those that the previous rows were flattened with.

    A column that a newer version declares is no change in AWS. Neither is `extra` then, which may have held its member.
    """
    has_gained = not set(table.names) <= set(flattened_with)
    return [
        column.name
        for column in table.columns
        if column.name in flattened_with and not (has_gained and column.origin is Origin.UNKNOWN)
    ]


def in_order(states: pa.Table, table: Table) -> pa.Table:
    """Return states sorted by the table's key and `valid_from`."""
    return states.take(_sorted(states, history_of(table).key)) if states.num_rows else states


def _pairs(left: pa.Table, right: pa.Table, key: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """Return the positions of common keys in each table. Both are sorted by key and have each key once."""
    both = pa.concat_tables([left.select(key), right.select(key)])
    order = _sorted(both, key)  # stable, so of a pair the left one comes first
    ranked = [column.combine_chunks() for column in both.take(order).columns]
    is_pair = reduce(pc.and_, (pc.equal(column[:-1], column[1:]) for column in ranked))
    return order[:-1].filter(is_pair), pc.subtract(order[1:].filter(is_pair), left.num_rows)


def _sorted(rows: pa.Table, key: Sequence[str]) -> pa.Array:
    return pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in key]).cast(pa.int64())


def _is_at(count: int, positions: pa.Array) -> pa.Array:
    """Return `count` booleans, true at the positions."""
    return pc.is_in(pa.arange(0, count), value_set=positions)


def _are_equal(before: pa.Table, after: pa.Table, names: Collection[str]) -> pa.Array:
    """Return for each row whether these columns are the same."""
    is_same = pa.repeat(True, before.num_rows)
    for name in names:
        is_same = pc.and_(is_same, _is_not_distinct(before.column(name), after.column(name)))
    return is_same


def _is_not_distinct(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    """Return whether values are the same, as in SQL's `is not distinct from`: null equals null, and NaN equals NaN."""
    is_same = pc.coalesce(pc.equal(before, after), pc.and_(before.is_null(), after.is_null()))
    if pa.types.is_floating(before.type):
        is_nan = pc.and_(pc.is_nan(before), pc.is_nan(after))
        is_same = pc.or_(is_same, pc.fill_null(is_nan, False))
    return is_same.combine_chunks()

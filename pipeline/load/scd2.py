"""A slowly changing dimension (type 2): the states that rows have had, and the rows as they are now, into one.

It is done with Arrow's kernels, a range of keys at a time; most of a lake lasts, and comparing alone finds that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import reduce

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.model import (
    ADDED,
    APPEARED,
    BEGINS_AS,
    CHANGED,
    DIFFERENCES,
    ENDS_AS,
    RETURNED,
    VALID_FROM,
    VALID_TO,
    WENT,
    Table,
    history_of,
    is_told,
    parent_key,
)
from pipeline.model.page import Scope


class Merge:
    """How the history of one table takes in what was listed."""

    def __init__(self, table: Table, compared: Collection[str], listed: Mapping[Scope, datetime]) -> None:
        """Take the columns in which a difference is a change, and the scopes that were listed, with the instants."""
        self._table = table
        self._history = history_of(table)
        self._compared = [name for name in table.names if name in compared]
        self._scopes = pa.array([f"{scope.account_id}/{scope.region}" for scope in listed], pa.string())
        self._instants = pa.array(listed.values(), VALID_FROM.type)
        self._only: pa.Array | None = None

    def only(self, arns: pa.Array) -> None:
        """Take `present`, below, for all rows about these ARNs, and every other row for being as it was."""
        self._only = arns

    def states(self, known: pa.Table, present: pa.Table) -> pa.Table:
        """Return the states of a range of keys from now on, sorted by key and valid_from.

        `known` has the states so far, sorted likewise, and `present` the rows as they are now, sorted by key. A state
        lasts if its row is there and the same in the columns that are compared; in the others it gets the row's values.
        Of the scopes that were listed the other states end, and rows of which no state lasts begin one. A state that
        began at the very instant of the listing is replaced, not ended: that instant is being told anew. States of
        other scopes stay. A key must not stand in two ranges: how a state begins and ends is told by its neighbours.
        """
        if self._only is None:
            return self._states(known, present)
        is_among = pc.is_in(known.column(parent_key(self._table)), self._only)
        among = known.filter(is_among)
        if not among.num_rows and not present.num_rows:
            return known
        both = pa.concat_tables([known, self._states(among, present)])
        return self._in_order(both, pc.indices_nonzero(is_among).cast(pa.int64()))

    def _states(self, known: pa.Table, present: pa.Table) -> pa.Table:
        if not known.num_rows:
            return self._begun(present)
        lasting_at = pc.indices_nonzero(pc.is_null(known.column(VALID_TO.name))).cast(pa.int64())
        lasting = _take(known, lasting_at).select(self._table.names)
        if lasting.equals(present):  # most of a lake, most of the time
            return told(known, self._table) if known.column(BEGINS_AS.name).null_count else known
        was, now = _pairs(lasting, present, self._table.key)
        is_same = self._is_same(lasting, was, present, now)
        was, now = was.filter(is_same), now.filter(is_same)

        ending_at = lasting_at.take(_others(lasting.num_rows, was))
        ending_at = ending_at.filter(self._listed_at(known.take(ending_at)).is_valid())
        begun = self._begun(present.take(_others(present.num_rows, now)))
        pieces, replaced = [known, self._ended(known.take(ending_at)), begun], [ending_at]
        if len(self._compared) < len(self._table.names):
            lasts_at = lasting_at.take(was)
            since, differences = (known.column(name).take(lasts_at) for name in (VALID_FROM.name, DIFFERENCES.name))
            pieces.append(self._open(present.take(now), since, differences))
            replaced.append(lasts_at)
        return told(self._in_order(pa.concat_tables(pieces), pa.concat_arrays(replaced)), self._table)

    def _is_same(self, lasting: pa.Table, was: pa.Array, present: pa.Table, now: pa.Array) -> pa.Array:
        """Whether the rows at `was` and those at `now`, each with its opposite, are the same."""
        is_same = pa.repeat(True, len(was))
        for name in self._compared:
            before, after = _take(lasting.column(name), was), _take(present.column(name), now)
            if not before.equals(after):
                is_same = pc.and_(is_same, _is_not_distinct(before, after))
        return is_same

    def _listed_at(self, rows: pa.Table) -> pa.Array:
        """Return the instant at which each row's scope was listed; null if it was not."""
        scopes = pc.binary_join_element_wise(rows.column("account_id"), rows.column("region"), "/")
        return self._instants.take(pc.index_in(scopes, value_set=self._scopes).combine_chunks())

    def _begun(self, rows: pa.Table) -> pa.Table:
        """Return the states that begin with these rows; none where the scope was not listed."""
        listed_at = self._listed_at(rows)
        if listed_at.null_count:
            rows, listed_at = rows.filter(listed_at.is_valid()), listed_at.drop_null()
        return self._open(rows, listed_at)

    def _ended(self, states: pa.Table) -> pa.Table:
        """Return these states of listed scopes, ended; those that began at that instant have never been."""
        listed_at = self._listed_at(states)
        at = states.schema.get_field_index(VALID_TO.name)
        ended = states.set_column(at, states.schema.field(at), listed_at)
        return ended.filter(pc.less(states.column(VALID_FROM.name), listed_at))

    def _open(
        self,
        rows: pa.Table,
        valid_from: pa.Array | pa.ChunkedArray,
        differences: pa.ChunkedArray | None = None,
    ) -> pa.Table:
        """Return rows as states that last, and that are their rows' first or have begun with these differences."""
        begun = {VALID_FROM: valid_from, BEGINS_AS: pa.repeat(APPEARED, rows.num_rows)}
        if differences is not None:
            begun[DIFFERENCES] = differences
        added = (begun.get(column, pa.nulls(rows.num_rows, column.type)) for column in ADDED)
        return pa.table([*rows.columns, *added], schema=self._history.schema)

    def _in_order(self, states: pa.Table, without: pa.Array) -> pa.Table:
        """Return states in key order, but not those that stand at `without`."""
        order = _sorted(states, self._history.key)
        return states.take(order.filter(pc.invert(pc.is_in(order, without))))


def _pairs(left: pa.Table, right: pa.Table, key: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """Return where the keys that are in both stand in each; both are sorted by key and have each key once."""
    keys = left.select(key), right.select(key)
    if keys[0].equals(keys[1]):
        return (pa.arange(0, left.num_rows),) * 2
    both = pa.concat_tables(keys)
    order = _sorted(both, key)  # stable: of a pair the left one comes first
    ranked = both.take(order).combine_chunks()
    is_pair = reduce(pc.and_, (pc.equal(column[:-1], column[1:]) for column in ranked.columns)).combine_chunks()
    return order[:-1].filter(is_pair), pc.subtract(order[1:].filter(is_pair), left.num_rows)


def _sorted(rows: pa.Table, key: Sequence[str]) -> pa.Array:
    return pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in key]).cast(pa.int64())


def _take(rows: pa.Table | pa.ChunkedArray, at: pa.Array) -> pa.Table | pa.ChunkedArray:
    """Take rows at ascending positions, which costs nothing if these are all."""
    return rows if len(at) == len(rows) else rows.take(at)


def _others(count: int, positions: pa.Array) -> pa.Array:
    """Return the positions below `count` that are not these."""
    every = pa.arange(0, count)
    return every.filter(pc.invert(pc.is_in(every, positions)))


def _is_not_distinct(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    """Whether values are the same, in the sense of SQL's `is not distinct from`: null is, and not a number is."""
    is_same = pc.coalesce(pc.equal(before, after), pc.and_(before.is_null(), after.is_null()))
    if pa.types.is_floating(before.type):
        is_nan = pc.and_(pc.is_nan(before), pc.is_nan(after))
        is_same = pc.or_(is_same, pc.fill_null(is_nan, False))
    return is_same.combine_chunks()


def told(states: pa.Table, table: Table) -> pa.Table:
    """Return states of whole lives, sorted by key and valid_from, each with how it begins and ends, and with what.

    Of one key, the state beside another tells that, if they touch. Differences that are there already stay: what a
    state is told to differ in when it begins is known best then.
    """
    valid_from, valid_to = states.column(VALID_FROM.name), states.column(VALID_TO.name)
    keys = [states.column(name) for name in table.key]
    had_one = reduce(pc.and_, (pc.equal(key[:-1], key[1:]) for key in keys), valid_to[:-1].is_valid())
    touches = pc.fill_null(pc.and_(had_one, pc.equal(valid_to[:-1], valid_from[1:])), False)
    nothing = pa.array([False][: states.num_rows], pa.bool_())
    came_back, goes_on = (pa.chunked_array([nothing, *one.chunks]) for one in (had_one, touches))
    is_gone_on_from = pa.chunked_array([*touches.chunks, nothing])
    differences = pc.if_else(goes_on, states.column(DIFFERENCES.name), None)
    new = pc.indices_nonzero(pc.and_(goes_on, differences.is_null())).cast(pa.int64())
    if len(new):
        found = _differences(states.take(pc.subtract(new, 1)), states.take(new), table)
        differences = pc.coalesce(differences, found.take(pc.index_in(pa.arange(0, states.num_rows), new)))
    columns = {
        BEGINS_AS: pc.if_else(goes_on, CHANGED, pc.if_else(came_back, RETURNED, APPEARED)),
        ENDS_AS: pc.if_else(is_gone_on_from, CHANGED, pc.if_else(valid_to.is_null(), None, WENT)),
        DIFFERENCES: differences,
    }
    history = history_of(table)
    return pa.table(
        [columns.get(column, states.column(column.name)) for column in history.columns], schema=history.schema
    )


def _differences(before: pa.Table, after: pa.Table, table: Table) -> pa.Array:
    """Return, for each row of two tables of the same keys, in which columns they differ: as DIFFERENCES tells it."""
    rows: list[list[dict[str, str | None]]] = [[] for _ in range(len(after))]
    for column in table.columns:
        was, now = before.column(column.name), after.column(column.name)
        if is_told(column, table) and not was.equals(now):
            at = pc.indices_nonzero(pc.invert(_is_not_distinct(was, now)))
            values = zip(at.to_pylist(), _texts(was.take(at)), _texts(now.take(at)), strict=True)
            for row, value_before, value_after in values:  # these are few
                rows[row].append({"column_name": column.name, "value_before": value_before, "value_after": value_after})
    return pa.array([msgspec.json.encode(row).decode() for row in rows], DIFFERENCES.type)


def _texts(values: pa.ChunkedArray) -> list[str | None]:
    """Return values as the texts that DuckDB would show in UTC."""
    if pa.types.is_floating(values.type):
        return [None if value is None else repr(value) for value in values.to_pylist()]
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    if not pa.types.is_timestamp(values.type):
        return texts
    return [text and f"{text.removesuffix('Z').rstrip('0').removesuffix('.')}+00" for text in texts]

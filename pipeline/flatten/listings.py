"""Pages of the two listings to the declared tables: each column by its declared origin, rows sorted by key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PageError
from pipeline.flatten import fast_json
from pipeline.flatten.members import Members, nested_items
from pipeline.flatten.response_schema import EXTRA_MEMBER, Answer, answer
from pipeline.model import REQUESTED, Column, Origin, Table, table
from pipeline.model.arn import fact
from pipeline.model.page import RawPage, Scope

MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Flat:
    """Some pages of one operation as tables by name: each in its declared schema, sorted by key, each key once.

    `unknown` counts the members that went to `extra`. `problems` names the pages that could not be read whole.
    `is_lenient` says whether the lenient reader had to read a page.
    """

    operation: str
    tables: dict[str, pa.Table]
    problems: tuple[PageError, ...] = ()
    unknown: int = 0
    is_lenient: bool = False

    @property
    def arns(self) -> pa.Array:
        """The descriptions' ARNs, sorted."""
        root = answer(self.operation).root
        return self.tables[root.name].column(root.key[0]).combine_chunks()

    def only(self, arns: pa.Array) -> Flat:
        """Return only the rows about these ARNs. They stand in the first column of each table's key."""
        tables = {
            name: rows.filter(pc.is_in(rows.column(table(name).key[0]), arns)) for name, rows in self.tables.items()
        }
        return replace(self, tables=tables)

    def without(self, arns: pa.Array) -> Flat:
        """Return the rows without the descriptions of these ARNs and without what is nested in them."""
        tables = {
            name: rows.filter(pc.invert(pc.is_in(rows.column(table(name).parent_key), arns)))
            for name, rows in self.tables.items()
        }
        return replace(self, tables=tables)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one table before they are columns: an item each, and what they get from outside their items.

    `context` holds the latter by origin and path of the column: what the page was asked for and, for a nested table,
    members of the description that the item stands in, which of the declared lists it stands in, and at which place.
    """

    items: Members
    context: Mapping[tuple[Origin, str], pa.Array]


def flatten(operation: str, scope: Scope, pages: Sequence[RawPage], *, deleted: Collection[str] = frozenset()) -> Flat:
    """Flatten pages of one operation and scope. Pure, and independent of the order of the pages.

    An item on two pages is taken from the later one. Items whose ARN is in `deleted` (projects that were deleted while
    the scope was listed) are left out.
    """
    expected = answer(operation)
    ordered = sorted(pages, key=lambda page: (page.project_arn, page.page_number))
    found = fast_json.read(ordered, expected, scope)
    arns = found.items[expected.key]
    order = _in_key_order(pa.table({expected.key: arns}), [expected.key])
    if deleted:
        order = order.filter(pc.invert(pc.is_in(arns.take(order), pa.array(sorted(deleted), pa.string()))))
    page_of = found.page_index.take(order)
    requested = {
        name: pa.array([getattr(page, name) for page in ordered], pa.string()).take(page_of) for name in REQUESTED
    }
    tables = _tables(expected, found.items.take(order), requested, scope)
    return Flat(operation, tables, found.problems, found.unknown, found.is_lenient)


def _tables(expected: Answer, items: Members, requested: Mapping[str, pa.Array], scope: Scope) -> dict[str, pa.Table]:
    """Return the table of the descriptions, which are in key order, and the tables nested in them."""
    context = {(Origin.REQUEST, name): values for name, values in requested.items()}
    tables = {expected.root.name: _table(expected.root, _Rows(items, context), scope)}
    for declared in expected.nested:
        nested = nested_items(items, tuple(listed.path for listed in declared.items))
        context = {(Origin.REQUEST, name): values.take(nested.parents) for name, values in requested.items()}
        for column in declared.of(Origin.PARENT):
            context[column.origin, column.path] = typed(items[column.path].take(nested.parents), column.type)
        for column in declared.of(Origin.LIST):
            labels = pa.array([listed.labels[column.path] for listed in declared.items])
            context[column.origin, column.path] = labels.take(nested.lists)
        for column in declared.of(Origin.INDEX):
            context[column.origin, column.path] = pc.cast(nested.places, column.type)
        tables[declared.name] = _table(declared, _Rows(nested.items, context), scope)
    return tables


def _table(table: Table, rows: _Rows, scope: Scope) -> pa.Table:
    columns = [_column(column, rows, scope) for column in table.columns]
    flat = pa.table(columns, schema=table.schema)
    if table.is_nested and table.column(table.key[0]).origin is Origin.MEMBER:
        return flat.take(_in_key_order(flat, table.key))
    return flat


def _column(column: Column, rows: _Rows, scope: Scope) -> pa.Array:
    match column.origin:
        case Origin.SCOPE:
            return pa.repeat(pa.scalar(getattr(scope, column.path), column.type), len(rows.items))
        case Origin.MEMBER:
            return typed(rows.items[column.path], column.type)
        case Origin.COUNT:
            return pc.cast(rows.items.lengths(column.path), column.type)
        case Origin.ARN:
            member, _, name = column.path.partition("#")
            arns = rows.context[Origin.REQUEST, member] if member in REQUESTED else rows.items[member]
            return pa.array([fact(arn, name) for arn in arns.to_pylist()], column.type)
        case Origin.UNKNOWN:
            return rows.items[EXTRA_MEMBER]
        case _:
            return rows.context[column.origin, column.path]


def typed(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Turn epoch seconds into instants, to the nearest microsecond; return values of other types as they are.

    Seconds and their fraction are rounded separately. Their product with 1e6 is only precise to a quarter of a
    microsecond, so some would round the wrong way.
    """
    if not pa.types.is_timestamp(kind):
        return values
    seconds = pc.floor(values)
    fraction = pc.round(pc.multiply(pc.subtract(values, seconds), MICROSECONDS))
    whole = pc.multiply(pc.cast(seconds, pa.int64()), int(MICROSECONDS))
    return pc.cast(pc.add(whole, pc.cast(fraction, pa.int64())), kind)


def _in_key_order(rows: pa.Table, key: Sequence[str]) -> pa.Array:
    """Return the indices that put rows in key order; of rows with equal keys only the last."""
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in key])  # stable, so the last stays last
    if len(order) < 2:  # noqa: PLR2004  # a single row has no neighbour
        return order
    ranked = [rows.column(name).take(order) for name in key]
    differs = reduce(pc.or_, (pc.not_equal(column[:-1], column[1:]) for column in ranked))
    return order.filter(pa.concat_arrays([*differs.chunks, pa.array([True])]))

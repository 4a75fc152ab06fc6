"""Pages of the two listings to the declared tables: each column by its declared origin, rows sorted by key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PageError
from pipeline.flatten.fast_json import read
from pipeline.flatten.members import Members, nested_items
from pipeline.flatten.response_schema import EXTRA_MEMBER, Answer, answer
from pipeline.model import REQUESTED, Column, Origin, Table, table
from pipeline.model.arn import fact
from pipeline.model.order import in_key_order
from pipeline.model.page import RawPage, Scope

MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Flat:
    """Some pages of one operation as tables: by name, each in its declared schema, sorted by key, each key once.

    `unknown` counts the members that went to `extra`; `problems` names the pages that could not be read whole.
    `is_lenient` says that the fast reader refused a page, so that the careful one read it.
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

    @property
    def resources(self) -> list[pa.Array]:
        """The ARNs of what a detail can be asked about: projects and their datasets, or versions."""
        keys = {name: table(name).key for name in self.tables}
        return [self.tables[name].column(key[0]).combine_chunks() for name, key in keys.items() if len(key) == 1]

    def only(self, arns: pa.Array) -> Flat:
        """Return it with the rows about these ARNs only: the first columns of the tables' keys."""
        tables = {
            name: rows.filter(pc.is_in(rows.column(table(name).key[0]), arns)) for name, rows in self.tables.items()
        }
        return replace(self, tables=tables)

    def without(self, arns: pa.Array) -> Flat:
        """Return it without the descriptions of these ARNs, and without what is nested in them."""
        tables = {
            name: rows.filter(pc.invert(pc.is_in(rows.column(table(name).parent_key), arns)))
            for name, rows in self.tables.items()
        }
        return replace(self, tables=tables)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one table before they are columns.

    `requested` has what each row's page was asked for, by its name in RawPage. Rows of a nested table have more:
    `descriptions` are those that their items stand in, `parents` has each row's position among them, `labels` says in
    which of the table's lists a row stands, and `places` at which place.
    """

    items: Members
    requested: Mapping[str, pa.Array]
    descriptions: Members | None = None
    parents: pa.Array | None = None
    labels: Mapping[str, pa.Array] = field(default_factory=dict)
    places: pa.Array | None = None


def flatten(operation: str, scope: Scope, pages: Sequence[RawPage], *, gone: Collection[str] = frozenset()) -> Flat:
    """Flatten pages of one operation and scope; pure, and independent of the order the pages arrived in.

    Of an item that stands on two pages the later page's counts: it was seen last. Items whose ARN is in `gone`
    (projects that vanished during the run) are left out.
    """
    expected = answer(operation)
    ordered = sorted(pages, key=lambda page: (page.project_arn, page.page_number))
    found = read(ordered, expected, scope)
    arns = found.items[expected.key]
    order = in_key_order(pa.table({expected.key: arns}), [expected.key])
    if gone:
        order = order.filter(pc.invert(pc.is_in(arns.take(order), pa.array(sorted(gone), pa.string()))))
    page_of = found.page_index.take(order)
    requested = {
        name: pa.array([getattr(page, name) for page in ordered], pa.string()).take(page_of) for name in REQUESTED
    }
    tables = _tables(expected, found.items.take(order), requested, scope)
    return Flat(operation, tables, found.problems, found.unknown, found.is_lenient)


def _tables(expected: Answer, items: Members, requested: Mapping[str, pa.Array], scope: Scope) -> dict[str, pa.Table]:
    """Return the table of the descriptions, which are in key order, and the tables nested in them."""
    tables = {expected.root.name: _table(expected.root, _Rows(items, requested), scope)}
    for declared in expected.nested:
        nested = nested_items(items, tuple(listed.path for listed in declared.items))
        labels = {
            column.path: pa.array([listed.labels[column.path] for listed in declared.items]).take(nested.lists)
            for column in declared.of(Origin.LIST)
        }
        asked = {name: values.take(nested.parents) for name, values in requested.items()}
        rows = _Rows(nested.items, asked, items, nested.parents, labels, nested.places)
        tables[declared.name] = _table(declared, rows, scope)
    return tables


def _table(table: Table, rows: _Rows, scope: Scope) -> pa.Table:
    columns = [_column(column, rows, scope) for column in table.columns]
    flat = pa.table(columns, schema=table.schema)
    if table.is_nested and table.column(table.key[0]).origin is Origin.MEMBER:
        return flat.take(in_key_order(flat, table.key))
    return flat


def _column(column: Column, rows: _Rows, scope: Scope) -> pa.Array:  # noqa: PLR0911  # one return an origin
    match column.origin:
        case Origin.SCOPE:
            return pa.repeat(pa.scalar(getattr(scope, column.path), column.type), len(rows.items))
        case Origin.REQUEST:
            return rows.requested[column.path]
        case Origin.MEMBER:
            return typed(rows.items[column.path], column.type)
        case Origin.PARENT:
            assert rows.descriptions is not None  # noqa: S101  # only nested tables declare such a column
            return typed(rows.descriptions[column.path].take(rows.parents), column.type)
        case Origin.ARN:
            member, _, name = column.path.partition("#")
            arns = rows.requested[member] if member in rows.requested else rows.items[member]
            return pa.array([fact(arn, name) for arn in arns.to_pylist()], column.type)
        case Origin.LIST:
            return rows.labels[column.path]
        case Origin.INDEX:
            return pc.cast(rows.places, column.type)
        case Origin.COUNT:
            return pc.cast(rows.items.lengths(column.path), column.type)
        case Origin.UNKNOWN:
            return rows.items[EXTRA_MEMBER]


def typed(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Give JSON numbers of epoch seconds their instant, to the nearest microsecond; leave the rest.

    Seconds and fraction are rounded apart: the product of a whole timestamp and 1e6 has a precision of a quarter
    microsecond only, and would round some the wrong way.
    """
    if not pa.types.is_timestamp(kind):
        return values
    seconds = pc.floor(values)
    fraction = pc.round(pc.multiply(pc.subtract(values, seconds), MICROSECONDS))
    whole = pc.multiply(pc.cast(seconds, pa.int64()), int(MICROSECONDS))
    return pc.cast(pc.add(whole, pc.cast(fraction, pa.int64())), kind)

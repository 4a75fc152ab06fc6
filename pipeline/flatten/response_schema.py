"""The shape of each operation's answer, derived from the declared tables: the schema that its JSON is read with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import pyarrow as pa

from pipeline.model import TABLES, Origin, Table

EXTRA_MEMBER = "reklake:extra"
"""A member that we add to an item. It carries the item's undeclared members through the JSON reader."""


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list whose items are rows of another table. `key` is the member that holds their key, None if none does."""

    item: StructNode
    key: str | None


StructNode: TypeAlias = "dict[str, StructNode | ListNode | pa.DataType]"


@dataclass(frozen=True, slots=True)
class Answer:
    """One operation's answer: its result key, the table of its items, and the tables nested in them."""

    operation: str
    result_key: str
    root: Table
    nested: tuple[Table, ...]
    shape: StructNode
    key: str
    """The member of an item that holds its ARN, which is its key."""
    item_type: pa.StructType
    """The Arrow type of one item, EXTRA_MEMBER included."""

    @property
    def schema(self) -> pa.Schema:
        """The explicit schema for pyarrow.json: one row per page."""
        return pa.schema([(self.result_key, pa.list_(self.item_type)), ("NextToken", pa.string())])


@cache
def answer(operation: str) -> Answer:
    """Return the shape of the operation's answer; KeyError if no table is declared for it."""
    tables = [table for table in TABLES if table.operation == operation]
    if not tables:
        raise KeyError(operation)
    root = next(table for table in tables if not table.is_nested)
    nested = tuple(table for table in tables if table.is_nested)
    shape: StructNode = {EXTRA_MEMBER: pa.string()}
    for path, leaf in _leaves(root, nested):
        _put(shape, path, leaf)
    return Answer(operation, root.result_key, root, nested, shape, root.column(root.key[0]).path, _struct(shape))


def _leaves(root: Table, nested: Iterable[Table]) -> Iterator[tuple[str, Any]]:
    for column in root.of(Origin.MEMBER):
        yield column.path, column.type
    for table in nested:
        for items in table.items:
            yield items.path, _list_node(table)


def _list_node(table: Table) -> ListNode:
    shape: StructNode = {EXTRA_MEMBER: pa.string()}
    for column in table.of(Origin.MEMBER):
        _put(shape, column.path, column.type)
    keys = [table.column(name) for name in table.key if table.column(name).origin is Origin.MEMBER]
    return ListNode(shape, keys[0].path if keys else None)


def _put(shape: StructNode, path: str, leaf: ListNode | pa.DataType) -> None:
    *parents, last = path.split(".")
    node = shape
    for name in parents:
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise TypeError(f"{path}: {name} is declared both as a value and as an object")
        node = child
    node[last] = leaf


def _struct(shape: StructNode) -> pa.StructType:
    return pa.struct([(name, _arrow(node)) for name, node in shape.items()])


def _arrow(node: StructNode | ListNode | pa.DataType) -> pa.DataType:
    if isinstance(node, ListNode):
        return pa.list_(_struct(node.item))
    if isinstance(node, dict):
        return _struct(node)
    return pa.float64() if pa.types.is_timestamp(node) else node

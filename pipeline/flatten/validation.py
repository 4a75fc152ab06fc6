"""Checks what pyarrow's JSON reader returns, because it accepts some values that it should not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.flatten import lenient_json
from pipeline.flatten.members import Members
from pipeline.flatten.response_schema import EXTRA_MEMBER, Answer
from pipeline.model import Column, Origin, Table


def can_be_trusted(items: Members, answer: Answer, bodies: Sequence[bytes]) -> bool:
    """Whether texts are valid Unicode, numbers are in range, keys are unique, and no member is named EXTRA_MEMBER."""
    if not _is_utf8(items.items, bodies) or not _has_keys(items[answer.key]):
        return False
    nested = [(Members(items[listed.path].flatten()), table) for table in answer.nested for listed in table.items]
    return all(
        rows[EXTRA_MEMBER].null_count == len(rows)
        and all(_is_in_range(rows[column.path], column) for column in table.of(Origin.MEMBER))
        and all(_are_unique(rows[path]) for path in _own_keys(table))
        for rows, table in [(items, answer.root), *nested]
    )


def _is_utf8(items: pa.StructArray, bodies: Sequence[bytes]) -> bool:
    """Whether all texts are valid Unicode. Only bodies with non-ASCII bytes or escapes can hold others."""
    if all(body.isascii() and b"\\" not in body for body in bodies):
        return True
    try:
        items.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _own_keys(table: Table) -> Iterator[str]:
    """Yield the paths of the members that hold the keys of a nested table's items."""
    for column in (table.column(name) for name in table.key) if table.is_nested else ():
        if column.origin is Origin.MEMBER:
            yield column.path


def _has_keys(keys: pa.Array) -> bool:
    return not keys.null_count and not bool(pc.any(pc.equal(keys, "")).as_py())


def _are_unique(keys: pa.Array) -> bool:
    return _has_keys(keys) and bool(pc.count_distinct(keys).as_py() == len(keys))


def _is_in_range(values: pa.Array, column: Column) -> bool:
    """Whether numbers are finite, and instants lie in the range that every reader can show."""
    if not pa.types.is_floating(values.type):
        return True  # its type is its range
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        return False
    if not pa.types.is_timestamp(column.type):
        return True
    bounds = pc.min_max(values)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    return low is None or bool(low >= lenient_json.MIN_SECONDS and high <= lenient_json.MAX_SECONDS)

"""Whether what was read fast can be trusted: values that a fast way of reading takes though it should not."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.flatten import lenient_json as tolerant
from pipeline.flatten.members import Columns
from pipeline.flatten.response_schema import EXTRA_MEMBER
from pipeline.model import Column, Origin, Table


def is_plain(rows: Columns, table: Table) -> bool:
    """Whether numbers are in range, and keys are there once.

    Looks at every column that is not of texts; ArrowInvalid if one holds what it cannot.
    """
    if not all(_is_in_range(rows[column.path], column) for column in table.of(Origin.MEMBER) if not _is_text(column)):
        return False
    return all(tells_apart(rows[path]) for path in keys_of(table))


def has_no_extra(rows: Columns) -> bool:
    """Whether nobody sent a member named as ours."""
    return bool(rows[EXTRA_MEMBER].null_count == len(rows))


def is_looked_at(table: Table) -> bool:
    """Whether there are columns whose values have to be looked at."""
    return bool(keys_of(table)) or not all(_is_text(column) for column in table.of(Origin.MEMBER))


def keys_of(table: Table) -> list[str]:
    """Return the members of a nested table's items that tell these apart, by their paths."""
    columns = [table.column(name) for name in table.key] if table.is_nested else []
    return [column.path for column in columns if column.origin is Origin.MEMBER]


def has_keys(keys: pa.Array) -> bool:
    """Whether every key is there."""
    return not keys.null_count and not bool(pc.any(pc.equal(keys, "")).as_py())


def tells_apart(keys: pa.Array) -> bool:
    """Whether every key is there, and only once."""
    return has_keys(keys) and bool(pc.count_distinct(keys).as_py() == len(keys))


def _is_text(column: Column) -> bool:
    return bool(pa.types.is_string(column.type))


def _is_in_range(values: pa.Array, column: Column) -> bool:
    if not pa.types.is_floating(values.type):
        return True  # its type is its range
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        return False
    bounds = pc.min_max(values)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    in_range = low is None or bool(low >= tolerant.MIN_SECONDS and high <= tolerant.MAX_SECONDS)
    return in_range or not pa.types.is_timestamp(column.type)

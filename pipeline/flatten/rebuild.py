"""Rows back to the API's descriptions, and the form in which two descriptions are compared.

Row by row and in plain Python on purpose: this module shares only the declared tables with the vectorised flattener,
so an error in either shows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa

from pipeline.model import TABLES, Column, Origin, Result, Table
from pipeline.model.page import RawPage

Key: TypeAlias = tuple[str, ...]
"""The key of a description, or of a detail's row, in its table."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_ONE, YEAR_TEN_THOUSAND = -62_135_596_800, 253_402_300_800
"""The range of epoch seconds that can be an instant."""


def tables_of(operation: str) -> tuple[Table, tuple[Table, ...]]:
    """Return the table of the operation's descriptions, and those nested in them."""
    tables = [table for table in TABLES if table.operation == operation]
    root = next(table for table in tables if not table.is_nested)
    return root, tuple(table for table in tables if table.is_nested)


def decode(body: bytes) -> Any:
    """Parse a page; a number beyond the range of double stays as its text. ValueError if it is not JSON."""
    return json.loads(body, parse_float=lambda text: float(text) if math.isfinite(float(text)) else text)


def described(page: RawPage) -> Iterator[tuple[Key | None, Any]]:
    """Yield a page's items, each with its key; None and a sentence for what cannot be an item.

    If the result is an object of entries, each entry is an item with `key` and `value`.
    """
    root, _ = tables_of(page.operation)
    try:
        found = decode(page.body)[root.result_key]
        items = [{"key": key, "value": found[key]} for key in found] if root.result is Result.ENTRIES else found
    except (ValueError, KeyError, TypeError) as error:
        yield None, f"cannot be read: {type(error).__name__}: {error}"
        return
    for at, item in enumerate(items if isinstance(items, list) else [items]):
        key: list[str] = []
        for column in (root.column(name) for name in root.key):
            is_asked = column.origin is Origin.REQUEST
            value = getattr(page, column.path) if is_asked else isinstance(item, dict) and item.get(column.path)
            if not isinstance(value, str):
                yield None, f"item {at} has no {column.path}, so no table can hold it"
                break
            key.append(value)
        else:
            yield tuple(key), item


def rebuild(operation: str, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[Key, Any]:
    """Rebuild the operation's descriptions, or a detail's items, by key, from the rows of its tables."""
    root, nested = tables_of(operation)
    descriptions = {tuple(row[name] for name in root.key): _item(root, row) for row in rows[root.name]}
    for table in nested:
        parent = table.of(Origin.PARENT)[-1].name
        for row in sorted(rows[table.name], key=lambda row: tuple(row[name] for name in table.key)):
            path = next(
                items.path for items in table.items if all(row[name] == value for name, value in items.labels.items())
            )
            *parents, last = path.split(".")
            place = descriptions.setdefault((row[parent],), {})
            for name in parents:
                place = place.setdefault(name, {})
            place.setdefault(last, []).append(_item(table, row))
    return descriptions


def canonical(operation: str, description: Any) -> str:
    """Return the form in which a description from the API or from `rebuild` is compared.

    Absent, null, {} and [] are equal. Numbers are equal by value. Timestamps are whole microseconds. The order of items
    that have keys of their own does not matter.
    """
    root, nested = tables_of(operation)
    listed = {items.path: table for table in nested for items in table.items}
    return _text(_pruned(description, "", root, listed))


def differences(operation: str, description: Any, rebuilt: Any) -> list[str]:
    """Name the members that differ, with both values; empty if none does."""
    if canonical(operation, description) == canonical(operation, rebuilt):
        return []
    root, nested = tables_of(operation)
    listed = {items.path: table for table in nested for items in table.items}
    ours, theirs = (_pruned(value, "", root, listed) or {} for value in (rebuilt, description))
    return [
        f"{name} is {_text(theirs.get(name))} on the page and {_text(ours.get(name))} in the tables"
        for name in sorted({*ours, *theirs})
        if _text(ours.get(name)) != _text(theirs.get(name))
    ]


class _Instant(int):
    """Microseconds since the epoch from a timestamp column; a type of its own, so that no number in extra equals it."""


def _item(table: Table, row: Mapping[str, Any]) -> Any:
    item: dict[str, Any] = {}
    for column in table.of(Origin.MEMBER):
        value = row[column.name]
        if value is not None:
            *parents, last = column.path.split(".")
            place = item
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = _wire(column, value)
    extra = row[table.of(Origin.UNKNOWN)[0].name]
    return item if extra is None else _merged(item, json.loads(extra))


def _wire(column: Column, value: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        return _Instant((value - EPOCH) // timedelta(microseconds=1))
    return value


def _merged(item: Any, extra: Any) -> Any:
    if not (isinstance(item, dict) and isinstance(extra, dict)):
        return extra
    return {**item, **{name: _merged(item.get(name, {}), value) for name, value in extra.items()}}


def _pruned(value: Any, path: str, table: Table, listed: Mapping[str, Table]) -> Any:
    """Return the value at `path` without its empty members; None if nothing is left."""
    if isinstance(value, dict):
        kept = {name: _pruned(member, f"{path}.{name}".lstrip("."), table, listed) for name, member in value.items()}
        return {name: member for name, member in kept.items() if member is not None} or None
    if isinstance(value, list):
        inner = listed.get(path)
        items = [_pruned(item, "" if inner else path, inner or table, {} if inner else listed) for item in value]
        has_keys = inner is not None and not inner.of(Origin.INDEX)
        return (sorted(items, key=_text) if has_keys else items) or None
    if _is_instant(value, path, table):
        return ["microseconds", _microseconds(value)]
    return value


def _is_instant(value: Any, path: str, table: Table) -> bool:
    if isinstance(value, _Instant):
        return True
    declared = any(column.path == path and pa.types.is_timestamp(column.type) for column in table.of(Origin.MEMBER))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return declared and is_number and YEAR_ONE <= value < YEAR_TEN_THOUSAND


def _microseconds(value: float) -> int:
    return int(value) if isinstance(value, _Instant) else int((Decimal(value) * 1_000_000).to_integral_value())


def _text(value: Any) -> str:
    return json.dumps(_numbers(value), sort_keys=True)


def _numbers(value: Any) -> Any:
    """Write numbers of equal value alike: 3 and 3.0."""
    if isinstance(value, dict):
        return {name: _numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

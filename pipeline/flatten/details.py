"""The answers of details (model.operations.DETAILS) to their declared tables, row by row in plain Python: they are few.

The same rules as for descriptions: what no column declares or holds goes to `extra` and is counted, and of a row that
stands on two pages the later counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import PageError
from pipeline.flatten import lenient_json
from pipeline.flatten.lenient_json import CleanPage, UnreadableError
from pipeline.flatten.listings import Flat, typed
from pipeline.flatten.response_schema import EXTRA_MEMBER, answer
from pipeline.model import REQUESTED, Column, Origin, Result, Table
from pipeline.model.arn import fact
from pipeline.model.page import RawPage, Scope


def flatten_detail(operation: str, scope: Scope, pages: Sequence[RawPage]) -> Flat:
    """Flatten pages of a detail's operation; pure, and independent of the order the pages arrived in."""
    shape = answer(operation)
    table = shape.root
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    problems: list[PageError] = []
    unknown = 0
    for page in sorted(pages, key=lambda page: (page.resource_arn, page.page_number)):
        read = CleanPage(b"")
        try:
            items = _items(lenient_json.result(page.body, table.result_key), table)
        except UnreadableError as error:
            problems.append(_problem(page, scope, str(error)))
            continue
        for index, item in enumerate(items):
            if unfit := _unfit(item, table, page):
                problems.append(_problem(page, scope, f"item {index} of {table.result_key} {unfit}"))
                continue
            row = _row(table, lenient_json.split_item(item, shape.shape, read), page, scope)
            rows[tuple(row[name] for name in table.key)] = row
        unknown += read.unknown
    columns = [_column(column, [rows[key] for key in sorted(rows)]) for column in table.columns]
    return Flat(
        operation,
        {table.name: pa.table(columns, schema=table.schema)},
        tuple(problems),
        unknown,
        is_lenient=unknown > 0,
    )


def _items(result: Any, table: Table) -> list[Any]:
    """Return the result as a list of items; UnreadableError if it is nothing of the kind."""
    if table.result is Result.LIST and isinstance(result, list):
        return result
    if table.result is Result.OBJECT and isinstance(result, dict):
        return [result]
    if table.result is Result.ENTRIES and isinstance(result, dict):
        return [{"key": key, "value": value} for key, value in result.items()]
    named = "a list" if table.result is Result.LIST else "an object"
    raise UnreadableError(f"{table.result_key} is {lenient_json.kind_of(result)}, not {named}")


def _unfit(item: Any, table: Table, page: RawPage) -> str:
    """Say why an item cannot be a row; "" if it can. A row needs its key, and its project is the one asked about."""
    if not isinstance(item, dict):
        return f"is {lenient_json.kind_of(item)}, not an object"
    for column in table.of(Origin.MEMBER):
        value = item.get(column.path)
        if column.name in table.key and not (isinstance(value, str) and lenient_json.is_utf8(value)):
            return f"has no {column.path} that is a text"
        if column.name == "project_arn" and value != page.project_arn:
            return f"is about another project, {value!r}"
    return ""


def _row(table: Table, item: dict[str, Any], page: RawPage, scope: Scope) -> dict[str, Any]:
    return {column.name: _value(column, item, page, scope) for column in table.columns}


def _value(column: Column, item: dict[str, Any], page: RawPage, scope: Scope) -> Any:
    match column.origin:
        case Origin.SCOPE:
            return getattr(scope, column.path)
        case Origin.REQUEST:
            return getattr(page, column.path)
        case Origin.ARN:
            member, _, name = column.path.partition("#")
            return fact(getattr(page, member) if member in REQUESTED else item.get(member), name)
        case Origin.UNKNOWN:
            return item.get(EXTRA_MEMBER)
        case _:
            value: Any = item
            for name in column.path.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            return value


def _column(column: Column, rows: Sequence[dict[str, Any]]) -> pa.Array:
    kind = pa.float64() if pa.types.is_timestamp(column.type) else column.type
    return typed(pa.array([row[column.name] for row in rows], kind), column.type)


def _problem(page: RawPage, scope: Scope, reason: str) -> PageError:
    return PageError(
        f"{page.describe(scope)}: {reason}. The page is kept in the landing as it came, and the last rows of this kind "
        "stay. Sync again; if it stays, report it with that page."
    )

"""Pages of details (model.operations.DETAILS) to the declared tables, row by row in plain Python: there are few.

The rules are those of the listings: members that no column declares or can hold go to `extra` and are counted, and a
row on two pages is taken from the later one.
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
    """Flatten pages of a detail's operation. Pure, and independent of the order of the pages."""
    expected = answer(operation)
    table = expected.root
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    problems: list[PageError] = []
    unknown = 0
    for page in sorted(pages, key=lambda page: (page.resource_arn, page.page_number)):
        cleaned = CleanPage(b"")
        try:
            items = _items(lenient_json.result(page.body, table.result_key), table)
        except UnreadableError as error:
            problems.append(_problem(page, scope, str(error)))
            continue
        for index, item in enumerate(items):
            if reason := _why_no_row(item, table, page):
                problems.append(_problem(page, scope, f"item {index} of {table.result_key} {reason}"))
                continue
            row = _row(table, lenient_json.split_item(item, expected.shape, cleaned), page, scope)
            rows[tuple(row[name] for name in table.key)] = row
        unknown += cleaned.unknown
    columns = [_column(column, [rows[key] for key in sorted(rows)]) for column in table.columns]
    return Flat(
        operation,
        {table.name: pa.table(columns, schema=table.schema)},
        tuple(problems),
        unknown,
        is_lenient=unknown > 0,
    )


def _items(result: Any, table: Table) -> list[Any]:
    """Return the result as a list of items; UnreadableError if it is of another kind."""
    if table.result is Result.LIST and isinstance(result, list):
        return result
    if table.result is Result.OBJECT and isinstance(result, dict):
        return [result]
    if table.result is Result.ENTRIES and isinstance(result, dict):
        return [{"key": key, "value": value} for key, value in result.items()]
    wanted = "a list" if table.result is Result.LIST else "an object"
    raise UnreadableError(f"{table.result_key} is {lenient_json.kind_of(result)}, not {wanted}")


def _why_no_row(item: Any, table: Table, page: RawPage) -> str:
    """Say why an item cannot be a row; "" if it can. A row needs its key, and the project that was asked about."""
    if not isinstance(item, dict):
        return f"is {lenient_json.kind_of(item)}, not an object"
    for column in table.of(Origin.MEMBER):
        value = item.get(column.path)
        if column.name in table.key and not (isinstance(value, str) and lenient_json.is_utf8(value)):
            return f"has no {column.path} that is text"
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
        f"{page.describe(scope)}: {reason}. The raw page is kept, and the previous rows of this kind stay. Sync again; "
        "if the error stays, report it with that page."
    )

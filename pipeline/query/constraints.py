"""Checks from the declarations of the tables: required and unique columns, known values, ranges, and orphans."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline import model
from pipeline.model import TABLES, Column, Table
from pipeline.query.sqlfiles import ON_DEMAND, SqlFile


def checks() -> tuple[SqlFile, ...]:
    """Return a check for each constraint of the declared tables, in the form of a file of sql/checks."""
    return tuple(check for table in TABLES for check in _of(table))


def _of(table: Table) -> Iterator[SqlFile]:
    yield _required(table)
    yield _unique(table)
    if table.parent:
        yield _orphan(table, table.parent.column, table.parent.tables)
    for column in table.columns:
        if column.one_of:
            yield _known(table, column)
        if column.bounds:
            yield _range(table, column, *column.bounds)


def _required(table: Table) -> SqlFile:
    columns = ", ".join(table.required)
    lacking = " or ".join(f"{column} is null" for column in table.required)
    return _check(
        f"{table.name}_required",
        f"Every row of {table.name} has its {_listed(table.required)}.",
        f"select {columns} from main.{table.name} where {lacking}",
    )


def _unique(table: Table) -> SqlFile:
    key = ", ".join(table.key)
    return _check(
        f"{table.name}_unique",
        f"Each {_listed(table.key)} stands once in {table.name}: the key is unique.",
        f"select {key}, count(*) as row_count from main.{table.name} group by {key} having count(*) > 1",
        when=ON_DEMAND,  # every writer ensures it
    )


def _orphan(table: Table, column: str, parents: tuple[str, ...]) -> SqlFile:
    scoped = f"account_id, region, {column}"
    found = " union all ".join(
        f"select account_id, region, {model.table(parent).key[0]} as {column} from main.{parent}" for parent in parents
    )
    return _check(
        f"{table.name}_orphan",
        f"The {column} of every row of {table.name} stands in {' or '.join(parents)}, in its account and region.",
        f"select {scoped}, count(*) as row_count from main.{table.name} "
        f"anti join ({found}) as parents using ({scoped}) group by {scoped}",
        when=ON_DEMAND if table.is_nested else "",  # nested rows come with their parents
    )


def _known(table: Table, column: Column) -> SqlFile:
    values = ", ".join(f"'{value}'" for value in column.one_of)
    return _check(
        f"unknown_{table.noun}_{column.name.removeprefix(f'{table.noun}_')}",
        f"Every {column.name} in {table.name} is one that the API is known to give.",
        f"select {', '.join(table.key)}, {column.name} from main.{table.name} where {column.name} not in ({values})",
        severity="warn",
    )


def _range(table: Table, column: Column, least: float, greatest: float) -> SqlFile:
    # not between also finds NaN, which DuckDB orders above every number
    return _check(
        f"{column.name}_range",
        f"Every {column.name} in {table.name} lies in {least:g} to {greatest:g}.",
        f"select {', '.join(table.key)}, {column.name} from main.{table.name} "
        f"where {column.name} not between {least} and {greatest}",
    )


def _check(name: str, description: str, body: str, *, severity: str = "error", when: str = "") -> SqlFile:
    return SqlFile(
        folder="checks",
        name=name,
        description=description,
        grain="",
        severity=severity,
        when=when,
        columns={},
        body=body,
    )


def _listed(names: tuple[str, ...]) -> str:
    """Return the names as in a sentence: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)

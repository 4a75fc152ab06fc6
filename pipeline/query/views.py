"""What a lake's database defines, as SQL: views over a snapshot's Parquet files and the run records, and the marts.

They name files by absolute path: DuckDB resolves a relative path against the reader's working directory, which
could be anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.lake.snapshot import MANIFEST, SINCE
from pipeline.model import (
    ADDED,
    APPEARED,
    BEGINS_AS,
    CHANGED,
    DIFFERENCES,
    ENDS_AS,
    RETURNED,
    TABLES,
    VALID_FROM,
    VALID_TO,
    WENT,
    Column,
    Table,
    history_of,
    is_told,
)
from pipeline.query import sqlfiles

if TYPE_CHECKING:
    from pipeline.settings import Prices

HISTORY = "history"
"""The folder of a snapshot, and the schema of a database, that hold every state each row has had."""
AS_OF = "as_of"
"""The schema of the macros that give a table as it stood at an instant."""

Statement = tuple[Path | None, str]
"""SQL that creates or comments something, and the file of the snapshot that it reads, if any."""

_REMEDY = "run `reklake doctor`; `reklake rollback` returns to an earlier snapshot"


def statements(*, snapshot: Path, runs: Path, prices: Prices) -> Iterator[Statement]:
    """Yield what creates every view and macro of a lake, in order.

    `main` gets the tables of the snapshot and the views of sql/views, `marts` those of sql/marts, `history` the
    tables' histories, all with comments; `as_of` gets a macro a table, which gives its rows as they stood at an
    instant. `runs` may be empty or absent: its views then have no rows.

    A table that has not changed since its first listing has no file of its history: each row has been as it is since
    the instant that the manifest gives for its scope. A snapshot of an older version is read as it is: columns that its
    files lack are null, tables that it did not have are empty, and without histories each row has been as it is since
    the snapshot was made. Raises LakeError, naming the file, when one is missing, damaged or does not hold its table's
    key.
    """
    values = {
        "runs": literal(f"{escape(str(runs.resolve()))}/*.json"),
        "training_hour": repr(float(prices.training_hour)),
        "inference_unit_hour": repr(float(prices.inference_unit_hour)),
        "currency": literal(prices.currency),
    }
    for schema in (HISTORY, AS_OF, "marts"):
        yield None, f"create schema if not exists {schema}"
    folder = snapshot.resolve()
    manifest = _Manifest(folder)
    for table in TABLES:
        current = folder / f"{table.name}.parquet"
        is_new = not current.exists() and manifest.is_unknown(table)
        for statement in _view("main", table, _nothing(table) if is_new else _select(table, current)):
            yield current, statement
        history, written = history_of(table), folder / HISTORY / current.name
        since = None if is_new or written.exists() else manifest.since(table)
        file = current if since else written
        rows = _nothing(history) if is_new else _select(table if since else history, file, since=since)
        for statement in (*_view(HISTORY, history, rows), *_as_of_macro(table, rows)):
            yield file, statement
    for file_view in sqlfiles.in_order([*sqlfiles.read("views"), *sqlfiles.read("marts")]):
        for statement in _file_view(file_view, values):
            yield None, statement


def literal(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file of the snapshot is read into an error that names it."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, duckdb.Error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise LakeError(f"{file}: cannot be read: {reason}; {_REMEDY}") from error


def _select(table: Table, file: Path, *, since: str | None = None) -> str:
    """Return a select of the declared columns, those that the file does not have as `_lacking` says.

    With `since`, an instant in SQL, every row is given as a state that began then and still lasts.
    """
    with named(file), file.open("rb") as opened:
        there = set(pq.read_schema(opened).names)
    required = {"account_id", "region", *table.key}
    if lacking := sorted(required - there):
        raise LakeError(f"{file}: cannot be read as {table.name}: it has no column {lacking[0]}; {_REMEDY}")
    columns = [
        f'"{column.name}"' if column.name in there else f'{_lacking(column, table, there)} as "{column.name}"'
        for column in table.columns
    ]
    if since is not None:
        begun = {VALID_FROM: since, BEGINS_AS: literal(APPEARED)}
        columns += [f"{begun.get(column, _null(column))} as {column.name}" for column in ADDED]
    # without hive partitions: a lake under a folder named region=x would show that region
    source = f"read_parquet({literal(escape(str(file)))}, hive_partitioning = false)"
    return f"select {', '.join(columns)} from {source}"


def _lacking(column: Column, table: Table, there: Collection[str]) -> str:
    """Return what is in the place of a column that the file lacks, as it was written by an older version.

    That is null, but how a state began and ended, and with what, is seen by the states before and after it.
    """
    key = ", ".join(f'"{name}"' for name in table.key if name != VALID_FROM.name)
    life = f"over (partition by {key} order by {VALID_FROM.name})"
    goes_on = f"lag({VALID_TO.name}) {life} = {VALID_FROM.name}"
    match column.name:
        case BEGINS_AS.name:
            came_back = f"when lag({VALID_TO.name}) {life} is not null then {literal(RETURNED)}"
            return f"case when {goes_on} then {literal(CHANGED)} {came_back} else {literal(APPEARED)} end"
        case ENDS_AS.name:
            is_gone_on_from = f"lead({VALID_FROM.name}) {life} = {VALID_TO.name}"
            went = f"when {VALID_TO.name} is not null then {literal(WENT)}"
            return f"case when {is_gone_on_from} then {literal(CHANGED)} {went} end"
        case DIFFERENCES.name:
            told = [one for one in table.columns if one.name in there and is_told(one, table)]
            differences = ", ".join(_difference(one, life) for one in told)
            return f"case when {goes_on} then '[' || concat_ws(',', {differences}) || ']' end"
    return _null(column)


def _difference(column: Column, life: str) -> str:
    """Return what differs in a column from the state before, as JSON; null if nothing does."""
    after = f'"{column.name}"'
    before = f"lag({after}) {life}"
    values = f"'value_before': {_text(before, column.type)}, 'value_after': {_text(after, column.type)}"
    found = f"to_json({{'column_name': {literal(column.name)}, {values}}})::varchar"
    return f"case when {before} is distinct from {after} then {found} end"


def _text(value: str, kind: pa.DataType) -> str:
    """Return a value as text, an instant in UTC, whatever time zone the reader's session is in."""
    return f"({value} at time zone 'UTC')::varchar || '+00'" if pa.types.is_timestamp(kind) else f"{value}::varchar"


def _null(column: Column) -> str:
    return f"null::{_sql_type(column.type)}"


def _nothing(table: Table) -> str:
    """Return a select of the declared columns, without a row."""
    columns = [f'{_null(column)} as "{column.name}"' for column in table.columns]
    return f"select {', '.join(columns)} where false"


def _view(schema: str, table: Table, select: str) -> Iterator[str]:
    yield f"create or replace view {schema}.{table.name} as {select}"
    descriptions = {column.name: column.description for column in table.columns}
    yield from _comments(f"{schema}.{table.name}", table.description, table.grain, descriptions)


def _as_of_macro(table: Table, rows: str) -> Iterator[str]:
    """Define the macro over the file itself: a macro finds no view once its database is attached by another name.

    The parameter replaces every bare column of its name, so columns are named with their table.
    """
    name = f"{AS_OF}.{table.name}"
    columns = ", ".join(f'rows."{column}"' for column in table.names)
    yield (
        f"create or replace macro {name}(instant) as table select {columns} from ({rows}) as rows "
        f"where rows.{VALID_FROM.name} <= instant::timestamptz "
        f"and (rows.{VALID_TO.name} > instant::timestamptz or rows.{VALID_TO.name} is null)"
    )
    text = f"The rows of {table.name} as syncs had last seen them at that instant. Grain: {table.grain}."
    yield f"comment on macro table {name} is {literal(text)}"


class _Manifest:
    """What the snapshot's manifest says of files that are not there; it is read when one is not."""

    def __init__(self, snapshot: Path) -> None:
        self._file = snapshot / MANIFEST

    @cached_property
    def _content(self) -> Any:
        return json.loads(self._file.read_text(encoding="utf-8"))

    def is_unknown(self, table: Table) -> bool:
        """Whether the version that wrote the snapshot did not know the table, so that its file is not missing."""
        try:
            tables = self._content["tables"]
        except (OSError, ValueError, LookupError, TypeError):
            return False
        return bool(tables) and table.name not in tables

    def since(self, table: Table) -> str | None:
        """Return, in SQL, since when the table's rows are as they are; None if the file of its history is missing.

        Raises LakeError if the manifest cannot be read.
        """
        with named(self._file):
            if HISTORY not in self._content:  # an older version wrote none
                return _instant(self._content["created_at"])
            told = self._content[HISTORY].get(table.name, {}).get(SINCE)
            return _of_scopes(told) if told else None


def _of_scopes(since: Collection[Mapping[str, str]]) -> str:
    """Return the instant of a row's scope: one if there is no other, else by account and region."""
    if len(instants := {one["valid_from"] for one in since}) == 1:
        return _instant(*instants)
    cases = (
        f"when account_id = {literal(one['account_id'])} and region = {literal(one['region'])} "
        f"then {_instant(one['valid_from'])}"
        for one in since
    )
    return f"case {' '.join(cases)} end"


def _instant(text: str) -> str:
    """Return an instant as an SQL literal; ValueError if the text is none."""
    return f"{literal(datetime.fromisoformat(text).isoformat())}::timestamptz"


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    names = {pa.string(): "varchar", pa.int64(): "bigint", pa.uint64(): "ubigint", pa.float64(): "double"}
    return names.get(kind) or {pa.bool_(): "boolean"}[kind]


def _file_view(file: sqlfiles.SqlFile, values: Mapping[str, str]) -> Iterator[str]:
    yield f"create or replace view {file.view} as\n{file.statement(values)}"
    yield from _comments(file.view, file.description, file.grain, file.columns)


def _comments(view: str, description: str, grain: str, columns: Mapping[str, str]) -> Iterator[str]:
    yield f"comment on view {view} is {literal(f'{description} Grain: {grain}.')}"
    for name, text in columns.items():
        yield f'comment on column {view}."{name}" is {literal(text)}'

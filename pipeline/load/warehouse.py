"""The DuckDB side of a lake: views over a snapshot's Parquet files, the run records and the marts.

`lake.duckdb` holds no rows, only views and macros, so it is small and is rebuilt at each publication. They name
files by absolute path: DuckDB resolves a relative path against the reader's working directory, which
could be anywhere. A lake that was moved or copied is therefore read through `connect`, which defines the
same views over the files where they are now, or gets a new `lake.duckdb` at its next sync.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.load import guard, sqlfiles
from pipeline.model import TABLES, VALID_FROM, VALID_TO, Table, history_of
from pipeline.storage import LocalLake

if TYPE_CHECKING:
    from pipeline.settings import Prices

FILE = "lake.duckdb"
STORAGE_VERSION = "v1.0.0"
"""The file format of `lake.duckdb`: the oldest stable one, so that older clients open it too."""


HISTORY = "history"
"""The folder of a snapshot, and the schema of a database, that hold every state each row has had."""
AS_OF = "as_of"
"""The schema of the macros that give a table as it stood at an instant."""

_REMEDY = "run `reklake doctor`; `reklake rollback` returns to an earlier snapshot"


def define(con: duckdb.DuckDBPyConnection, *, snapshot: Path, runs: Path, prices: Prices) -> None:
    """Create every view and macro of a lake in the connection's current database.

    `main` gets the tables of the snapshot and the views of sql/views, `marts` those of sql/marts, `history` the
    tables' histories, all with comments; `as_of` gets a macro a table, which gives its rows as they stood at an
    instant. `runs` may be empty or absent: its views then have no rows.

    A snapshot of an older version is read as it is: columns that its files lack are null, tables that it did not have
    are empty, and without histories each row has been as it is since the snapshot was made. Raises LakeError, naming
    the file, when one is missing, damaged or does not hold its table's key.
    """
    values = {
        "runs": literal(f"{escape(str(runs.resolve()))}/*.json"),
        "training_hour": repr(float(prices.training_hour)),
        "inference_unit_hour": repr(float(prices.inference_unit_hour)),
        "currency": literal(prices.currency),
    }
    for schema in (HISTORY, AS_OF, "marts"):
        con.execute(f"create schema if not exists {schema}")
    folder = snapshot.resolve()
    since = None if (folder / HISTORY).is_dir() else _created_at(folder)
    for table in TABLES:
        current = folder / f"{table.name}.parquet"
        is_new = not current.exists() and _is_unknown(folder, table)
        _run(con, current, _view("main", table, _nothing(table) if is_new else _select(table, current)))
        history = history_of(table)
        file = current if since else folder / HISTORY / current.name
        rows = _nothing(history) if is_new else _select(table if since else history, file, since=since)
        _run(con, file, [*_view(HISTORY, history, rows), *_as_of_macro(table, rows)])
    files = sqlfiles.in_order([*sqlfiles.read("views"), *sqlfiles.read("marts")])
    for file_view in files:
        for statement in _file_view(file_view, values):
            con.execute(statement)


def build(path: Path, *, snapshot: Path, runs: Path, prices: Prices) -> None:
    """Write the database file at `path`, whole or not at all.

    It is built in the same folder and renamed, so a reader that has the old file open keeps it. Nothing is
    left behind on failure. Raises LakeError as `define` does, and when the file cannot be written.
    """
    if "?" in str(path.resolve()):  # DuckDB puts its write-ahead log elsewhere, as if the path were a URL
        raise LakeError(f"{path}: DuckDB cannot write a database under a path with a `?`; rename the folder")
    try:
        with LocalLake(path.parent).new_file(path.name) as building, duckdb.connect() as con:
            attach = f"attach {literal(str(building.resolve()))} as building"
            con.execute(f"{attach} (storage_version {literal(STORAGE_VERSION)})")
            con.execute("use building")
            con.execute("begin")  # one write of all, rather than one of each view and comment
            define(con, snapshot=snapshot, runs=runs, prices=prices)
            con.execute("commit")
            con.execute("use memory")
            con.execute("detach building")
    except (duckdb.IOException, OSError) as error:
        raise LakeError(
            f"{path}: cannot be written: {str(error).splitlines()[0]}; make room, or allow writing there"
        ) from error


def connect(
    lake: Path, *, snapshot: Path, prices: Prices, allow_write: bool = False, memory: str | None = None
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection with the lake's views, for queries that people write.

    Names are looked up in `main`, then in `marts`; times are shown in UTC. Unless `allow_write`, the
    connection reads files under `lake` only and loads nothing; see `pipeline.load.guard` for statements. Beyond
    `memory` ("256MB"; None: DuckDB's own limit) queries spill to disk.

    Raises LakeError as `define` does.
    """
    con = duckdb.connect()
    try:
        define(con, snapshot=snapshot, runs=lake / "runs", prices=prices)
        _prepare(con, lake, memory=memory, allow_write=allow_write)
    except BaseException:
        con.close()
        raise
    return con


def open_built(lake: Path, *, memory: str | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection like `connect`'s to the lake's own `lake.duckdb`, just built: nothing is defined again."""
    con = duckdb.connect(str(lake / FILE), read_only=True)
    try:
        _prepare(con, lake, memory=memory, allow_write=False)
    except BaseException:
        con.close()
        raise
    return con


def _prepare(con: duckdb.DuckDBPyConnection, lake: Path, *, memory: str | None, allow_write: bool) -> None:
    con.execute("set timezone = 'UTC'")
    if memory:
        con.execute(f"set memory_limit = {literal(memory)}")
    con.execute("set enable_progress_bar = false")
    con.execute("set python_enable_replacements = false")  # a name is a table, never a Python variable
    con.execute("set search_path = 'main,marts'")
    if not allow_write:
        guard.confine(con, lake)


def literal(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _select(table: Table, file: Path, *, since: str | None = None) -> str:
    """Return a select of the declared columns, with typed nulls for those that the file does not have.

    With `since`, every row is given as a state that began then and still lasts.
    """
    with _named(file), file.open("rb") as opened:
        there = set(pq.read_schema(opened).names)
    required = {"account_id", "region", *table.key}
    if lacking := sorted(required - there):
        raise LakeError(f"{file}: cannot be read as {table.name}: it has no column {lacking[0]}; {_REMEDY}")
    columns = [
        f'"{column.name}"' if column.name in there else f'null::{_sql_type(column.type)} as "{column.name}"'
        for column in table.columns
    ]
    if since is not None:
        columns += [f"{literal(since)}::timestamptz as {VALID_FROM.name}", f"null::timestamptz as {VALID_TO.name}"]
    # without hive partitions: a lake under a folder named region=x would show that region
    source = f"read_parquet({literal(escape(str(file)))}, hive_partitioning = false)"
    return f"select {', '.join(columns)} from {source}"


def _nothing(table: Table) -> str:
    """Return a select of the declared columns, without a row."""
    columns = [f'null::{_sql_type(column.type)} as "{column.name}"' for column in table.columns]
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


def _created_at(snapshot: Path) -> str:
    file = snapshot / "manifest.json"
    with _named(file):
        created_at = json.loads(file.read_text(encoding="utf-8"))["created_at"]
        return datetime.fromisoformat(created_at).isoformat()


def _is_unknown(snapshot: Path, table: Table) -> bool:
    """Whether the version that wrote the snapshot did not know the table, so that its file is not missing."""
    try:
        tables = json.loads((snapshot / "manifest.json").read_text(encoding="utf-8"))["tables"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return bool(tables) and table.name not in tables


def _run(con: duckdb.DuckDBPyConnection, file: Path, statements: Iterator[str] | list[str]) -> None:
    for statement in statements:
        with _named(file):
            con.execute(statement)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file of the snapshot is read into an error that names it."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, duckdb.Error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise LakeError(f"{file}: cannot be read: {reason}; {_REMEDY}") from error


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

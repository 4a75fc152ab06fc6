"""The DuckDB side of a lake: views over a snapshot's Parquet files, the run records and the marts.

`lake.duckdb` holds no rows, only views, so it is small and is rebuilt at each publication. Its views name
files by absolute path: DuckDB resolves a relative path against the reader's working directory, which
could be anywhere. A lake that was moved or copied is therefore read through `connect`, which defines the
same views over the files where they are now, or gets a new `lake.duckdb` at its next sync.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import LakeError
from pipeline.load import guard, sqlfiles
from pipeline.model import TABLES, Table
from pipeline.storage.local import sync

if TYPE_CHECKING:
    from pipeline.settings import Prices

FILE = "lake.duckdb"
STORAGE_VERSION = "v1.0.0"
"""The file format of `lake.duckdb`: the oldest stable one, so that older clients open it too."""


def define(con: duckdb.DuckDBPyConnection, *, snapshot: Path, runs: Path, prices: Prices) -> None:
    """Create every view of a lake in the connection's current database.

    `main` gets the tables of the snapshot and the views of sql/views, `marts` those of sql/marts, all with
    comments. `runs` may be empty or absent: its views then have no rows.

    Raises LakeError when a Parquet file is missing or does not hold the declared columns.
    """
    values = {
        "runs": literal(f"{escape(str(runs.resolve()))}/*.json"),
        "training_hour": repr(float(prices.training_hour)),
        "inference_unit_hour": repr(float(prices.inference_unit_hour)),
        "currency": literal(prices.currency),
    }
    try:
        for table in TABLES:
            for statement in _table_view(table, snapshot.resolve()):
                con.execute(statement)
    except duckdb.Error as error:
        raise LakeError(
            f"{snapshot}: {table.name} cannot be read: {str(error).splitlines()[0]}; "
            "run `reklake sync` to publish a new snapshot"
        ) from error
    con.execute("create schema if not exists marts")
    files = sqlfiles.in_order([*sqlfiles.read("views"), *sqlfiles.read("marts")])
    for file in files:
        for statement in _file_view(file, values):
            con.execute(statement)


def build(path: Path, *, snapshot: Path, runs: Path, prices: Prices) -> None:
    """Write the database file at `path`, whole or not at all.

    It is built in the same folder and renamed, so a reader that has the old file open keeps it. Nothing is
    left behind on failure. Raises LakeError as `define` does, and when the file cannot be written.
    """
    if "?" in str(path.resolve()):  # DuckDB puts its write-ahead log elsewhere, as if the path were a URL
        raise LakeError(f"{path}: DuckDB cannot write a database under a path with a `?`; rename the folder")
    building = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    leftovers = (building, building.with_name(f"{building.name}.wal"))
    _remove(leftovers)
    try:
        with duckdb.connect() as con:
            attach = f"attach {literal(str(building.resolve()))} as building"
            con.execute(f"{attach} (storage_version {literal(STORAGE_VERSION)})")
            con.execute("use building")
            define(con, snapshot=snapshot, runs=runs, prices=prices)
            con.execute("use memory")
            con.execute("detach building")
        sync(building)
        building.replace(path)
        sync(path.parent)
    except (duckdb.IOException, OSError) as error:
        raise LakeError(
            f"{path}: cannot be written: {str(error).splitlines()[0]}; make room, or allow writing there"
        ) from error
    finally:
        _remove(leftovers)


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
        con.execute("set timezone = 'UTC'")
        if memory:
            con.execute(f"set memory_limit = {literal(memory)}")
        con.execute("set enable_progress_bar = false")
        con.execute("set python_enable_replacements = false")  # a name is a table, never a Python variable
        define(con, snapshot=snapshot, runs=lake / "runs", prices=prices)
        con.execute("set search_path = 'main,marts'")
        if not allow_write:
            guard.confine(con, lake)
    except BaseException:
        con.close()
        raise
    return con


def literal(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _table_view(table: Table, snapshot: Path) -> Iterator[str]:
    # without hive partitions: a lake under a folder named region=x would show that region
    file = f"read_parquet({literal(f'{escape(str(snapshot))}/{table.name}.parquet')}, hive_partitioning = false)"
    columns = ", ".join(f'"{name}"' for name in table.names)
    yield f"create or replace view main.{table.name} as select {columns} from {file}"
    descriptions = {column.name: column.description for column in table.columns}
    yield from _comments(f"main.{table.name}", table.description, table.grain, descriptions)


def _file_view(file: sqlfiles.SqlFile, values: Mapping[str, str]) -> Iterator[str]:
    yield f"create or replace view {file.view} as\n{file.statement(values)}"
    yield from _comments(file.view, file.description, file.grain, file.columns)


def _comments(view: str, description: str, grain: str, columns: Mapping[str, str]) -> Iterator[str]:
    yield f"comment on view {view} is {literal(f'{description} Grain: {grain}.')}"
    for name, text in columns.items():
        yield f'comment on column {view}."{name}" is {literal(text)}'


def _remove(paths: tuple[Path, ...]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)

"""A lake's `lake.duckdb`, and in-memory connections with the same views and macros.

`lake.duckdb` is for other clients. It holds no rows, only the definitions of `pipeline.query.views`. reklake itself
defines them in memory each time, over the files where they are now, so it does not depend on `lake.duckdb`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import LakeError
from pipeline.lake import DATABASE, SNAPSHOTS, LocalLake
from pipeline.query import guard, views
from pipeline.query.sqlfiles import CACHE_FOOTERS, literal

if TYPE_CHECKING:
    from pipeline.settings import Prices

STORAGE_VERSION = "v1.0.0"
"""The file format of `lake.duckdb`: the oldest stable one, so that older clients open it too."""

_SNAPSHOT = re.compile(rf"/{SNAPSHOTS}/([^/']+)/projects\.parquet")
_DEFINED = """
    select schema_name, view_name as name, sql, comment
    from duckdb_views()
    where database_name = 'inspected' and not internal
    union all
    select schema_name, function_name, macro_definition, comment
    from duckdb_functions()
    where database_name = 'inspected' and not internal
    union all
    select schema_name, concat(table_name, '.', column_name), data_type, comment
    from duckdb_columns()
    where database_name = 'inspected' and not internal
    order by all
"""
"""Everything that the database attached as `inspected` defines: a row per view, macro and column."""


class _Unchanged(Exception):  # noqa: N818  # it is no error: what was built beside is dropped
    """The file defines what it should."""


def refresh(lake: Path, *, snapshot: Path, prices: Prices) -> bool:
    """Bring `lake.duckdb` up to date atomically; return whether it had to change.

    It is built beside the old file and renamed, so a reader that has the old file open keeps it. A write-ahead log that
    another client left is removed first, because DuckDB would apply it to the new file. Raises LakeError as
    `views.statements` does, and if the file cannot be written.
    """
    path = lake / DATABASE
    statements = [*views.statements(lake, snapshot=snapshot, prices=prices)]
    try:
        with LocalLake(lake).new_file(DATABASE) as beside:
            _build(beside, statements)
            if _is_same(path, beside):
                raise _Unchanged  # noqa: TRY301
            _log(path).unlink(missing_ok=True)
    except _Unchanged:
        return False
    except (duckdb.Error, OSError) as error:  # a disk that fills up during the commit is a TransactionException
        raise LakeError(
            f"{path}: cannot be written: {str(error).splitlines()[0]}; make room, or allow writing there"
        ) from error
    return True


def is_current(lake: Path, *, snapshot: Path, prices: Prices) -> bool:
    """Whether `lake.duckdb` is up to date; the lake is only read.

    It is not, for example, after another snapshot was published, the lake was moved, prices or reklake changed, or
    another client changed it. Raises LakeError as `views.statements` does.
    """
    with TemporaryDirectory() as folder:
        built = Path(folder) / DATABASE
        _build(built, views.statements(lake, snapshot=snapshot, prices=prices))
        return _is_same(lake / DATABASE, built)


def shown_by(path: Path) -> str | None:
    """Return the id of the snapshot that a database's views read; None if it has no such views."""
    texts = [sql for schema, name, sql, _ in _defined(path) or () if (schema, name) == ("main", "projects")]
    found = [match[1] for sql in texts if (match := _SNAPSHOT.search(sql))]
    return found[0] if found else None


def connect(
    lake: Path,
    *,
    snapshot: Path,
    prices: Prices,
    allow_write: bool = False,
    memory: str | None = None,
    has_second_names: bool = True,
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection with the lake's views, without comments, for users' queries.

    Names are looked up in `main`, and times are shown in UTC. Unless `allow_write`, the connection only reads files
    under `lake` and loads no extension; `pipeline.query.guard` checks statements. Beyond `memory` ("256MB"; None:
    DuckDB's default) queries spill to disk.

    Raises LakeError as `views.statements` does.
    """
    con = duckdb.connect()
    try:
        con.execute(CACHE_FOOTERS)
        _define(
            con,
            views.statements(
                lake, snapshot=snapshot, prices=prices, has_comments=False, has_second_names=has_second_names
            ),
        )
        con.execute("set timezone = 'UTC'")
        if memory:
            con.execute(f"set memory_limit = {literal(memory)}")
        con.execute("set enable_progress_bar = false")
        con.execute("set python_enable_replacements = false")  # a name is a table, never a Python variable
        if not allow_write:
            guard.confine(con, lake)
    except BaseException:
        con.close()
        raise
    return con


def _build(path: Path, statements: Iterable[str]) -> None:
    """Write a new database file with these definitions."""
    with duckdb.connect() as con:
        con.execute(f"attach {literal(str(path.resolve()))} as building (storage_version {literal(STORAGE_VERSION)})")
        con.execute(CACHE_FOOTERS)
        con.execute("use building")
        con.execute("begin")  # a single write, rather than one for each view and comment
        _define(con, statements)
        con.execute("commit")
        con.execute("use memory")
        con.execute("detach building")


def _define(con: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        try:
            con.execute(statement)
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise LakeError(f"the lake's views cannot be defined: {first}; run `reklake doctor`") from error


def _is_same(path: Path, built: Path) -> bool:
    """Whether the database defines the same as the one just built, and no log would change it when it is opened.

    Both are read from disk, because DuckDB rewords a definition when it stores it.
    """
    return path.exists() and not _log(path).exists() and _defined(path) == _defined(built)


def _defined(path: Path) -> list[tuple[str, str, str, str | None]] | None:
    """Return what a database defines; None if it cannot be opened, for example because another client writes to it."""
    try:
        with duckdb.connect() as con:
            con.execute(f"attach {literal(str(path.resolve()))} as inspected (read_only)")
            return con.execute(_DEFINED).fetchall()
    except duckdb.Error:
        return None


def _log(path: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return path.with_name(f"{path.name}.wal")

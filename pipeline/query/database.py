"""The DuckDB side of a lake: its `lake.duckdb`, and connections for queries with the same views and macros.

`lake.duckdb` holds no rows, only what `pipeline.query.views` says, so it is small and is rebuilt at each
publication. A lake that was moved or copied is read through `connect`, which defines the same over the files where they
are now, or gets a new `lake.duckdb` at its next sync.

Defining takes half a second, opening a tenth of that. So beside the file stands what was defined in it: a query opens
it where that is, to the letter, what would be defined now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import msgspec

from pipeline.errors import LakeError
from pipeline.lake import LocalLake, sha256
from pipeline.query import guard
from pipeline.query import views as definitions
from pipeline.query.views import literal, named

if TYPE_CHECKING:
    from pipeline.settings import Prices

FILE = "lake.duckdb"
STORAGE_VERSION = "v1.0.0"
"""The file format of `lake.duckdb`: the oldest stable one, so that older clients open it too."""
RUNS = "runs"
"""The lake's folder of run records."""
REMEMBER_FOOTERS = "set parquet_metadata_cache = true"
"""A view names other views, and each its file: its footer is read once, not at each mention. Files never change."""


class _Built(msgspec.Struct, frozen=True):
    """What a database file was when it was built, and what is defined in it."""

    bytes: int
    sha256: str
    definitions: str
    sound: str = ""
    """The hash of the checks that found nothing over it."""


def build(path: Path, *, snapshot: Path, runs: Path, prices: Prices) -> None:
    """Write the database file at `path`, whole or not at all.

    It is built in the same folder and renamed, so a reader that has the old file open keeps it; what was defined in it
    is noted beside it, for `fits`. Nothing half-written is left behind on failure. Raises LakeError as
    `definitions.statements` does, and when the file cannot be written.
    """
    if "?" in str(path.resolve()):  # DuckDB puts its write-ahead log elsewhere, as if the path were a URL
        raise LakeError(f"{path}: DuckDB cannot write a database under a path with a `?`; rename the folder")
    statements = [*definitions.statements(snapshot=snapshot, runs=runs, prices=prices)]
    folder = LocalLake(path.parent)
    try:
        with folder.new_file(path.name) as building, duckdb.connect() as con:
            attach = f"attach {literal(str(building.resolve()))} as building"
            con.execute(f"{attach} (storage_version {literal(STORAGE_VERSION)})")
            con.execute(REMEMBER_FOOTERS)
            con.execute("use building")
            con.execute("begin")  # one write of all, rather than one of each view and comment
            _define(con, statements)
            con.execute("commit")
            con.execute("use memory")
            con.execute("detach building")
            built = _Built(building.stat().st_size, sha256(building), _digest(statements))
        _write(path, built)
    except (duckdb.IOException, OSError) as error:
        raise LakeError(
            f"{path}: cannot be written: {str(error).splitlines()[0]}; make room, or allow writing there"
        ) from error


def fits(path: Path, *, snapshot: Path, runs: Path, prices: Prices) -> bool:
    """Whether the database file is as `build` left it, and `build` would define the same in it now.

    Not so, among others, where another snapshot is published, the lake was moved, or prices, reklake or DuckDB are
    others. The file is read, but not opened as a database. Raises LakeError as `definitions.statements` does.
    """
    try:
        built = _built(path)
        # in this order: whatever else somebody keeps in the file need not be read
        is_untouched = path.stat().st_size == built.bytes and sha256(path) == built.sha256
    except (OSError, msgspec.DecodeError):
        return False
    if not is_untouched or path.with_name(f"{path.name}.wal").exists():
        return False
    return built.definitions == _digest(definitions.statements(snapshot=snapshot, runs=runs, prices=prices))


def sound(path: Path) -> str:
    """Return what `note_sound` said of the database file; "" if nothing. It must fit."""
    return _built(path).sound


def note_sound(path: Path, checks: str) -> None:
    """Note the hash of checks that found nothing over the database file, until it is built anew."""
    _write(path, msgspec.structs.replace(_built(path), sound=checks))


def connect(
    lake: Path, *, snapshot: Path, prices: Prices, allow_write: bool = False, memory: str | None = None
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection with the lake's views, for queries that people write.

    Names are looked up in `main`, then in `marts`; times are shown in UTC. Unless `allow_write`, the
    connection reads files under `lake` only and loads nothing; see `pipeline.query.guard` for statements. Beyond
    `memory` ("256MB"; None: DuckDB's own limit) queries spill to disk.

    Raises LakeError as `definitions.statements` does.
    """
    con = duckdb.connect()
    try:
        _define(con, definitions.statements(snapshot=snapshot, runs=lake / RUNS, prices=prices))
        _prepare(con, lake, memory=memory, allow_write=allow_write)
    except BaseException:
        con.close()
        raise
    return con


def connect_read_only(lake: Path, *, snapshot: Path, prices: Prices) -> duckdb.DuckDBPyConnection:
    """Return a connection like `connect`'s that reads only: to the lake's own `lake.duckdb`, where that fits."""
    if fits(lake / FILE, snapshot=snapshot, runs=lake / RUNS, prices=prices):
        with suppress(duckdb.IOException):  # a client that may write to it has it open
            return open_built(lake)
    return connect(lake, snapshot=snapshot, prices=prices)


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
    con.execute(REMEMBER_FOOTERS)
    if memory:
        con.execute(f"set memory_limit = {literal(memory)}")
    con.execute("set enable_progress_bar = false")
    con.execute("set python_enable_replacements = false")  # a name is a table, never a Python variable
    con.execute("set search_path = 'main,marts'")
    if not allow_write:
        guard.confine(con, lake)


def _define(con: duckdb.DuckDBPyConnection, statements: Iterable[definitions.Statement]) -> None:
    """Run the statements in the connection's current database; LakeError, naming the file one reads, if it fails."""
    for file, statement in statements:
        with named(file) if file else nullcontext():
            con.execute(statement)


def _note(path: Path) -> Path:
    """Return where it stands what a database file was built from."""
    return path.with_name(f".{path.name}.built")


def _built(path: Path) -> _Built:
    """Return what is noted beside a database file; OSError or DecodeError where there is no such note."""
    return msgspec.json.decode(_note(path).read_bytes(), type=_Built)


def _write(path: Path, built: _Built) -> None:
    with LocalLake(path.parent).new_file(_note(path).name) as note:
        note.write_bytes(msgspec.json.encode(built))


def _digest(statements: Iterable[definitions.Statement]) -> str:
    """Return a hash of what is defined, and by which DuckDB: another might keep the same in another form."""
    texts = [duckdb.__version__, STORAGE_VERSION, *(statement for _, statement in statements)]
    return hashlib.sha256(msgspec.json.encode(texts)).hexdigest()

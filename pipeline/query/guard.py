"""Keeps users' queries from doing more than reading the lake.

There are two guards. DuckDB's own settings refuse files outside the lake, extensions and further settings. They do not
tell reading from writing inside the lake, so each statement is checked before it runs. --allow-write lifts both, but
a statement that names a published file as its target is still refused. That is no protection against intent: a path
that is computed, or written by an extension, is not seen.
"""

from __future__ import annotations

import re
import tempfile
from glob import escape
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import duckdb

from pipeline.errors import UsageError
from pipeline.lake import DATABASE, POINTER, RAW, RUNS, SNAPSHOTS
from pipeline.lake.local import LOCK

PUBLISHED = frozenset(name.casefold() for name in (POINTER, SNAPSHOTS, RAW, RUNS, DATABASE, f"{DATABASE}.wal", LOCK))
"""What reklake itself keeps at the top of a lake's folder, in lower case."""

_QUESTIONS = frozenset({"SELECT", "MULTI"})
"""Statement types that only read. MULTI is how DuckDB 2 parses a top-level PIVOT."""
_IN_MEMORY = re.compile(r"create (or replace )?temp(orary)? (table|view|macro|function) |(set|reset) variable ")
# EXPLAIN ANALYZE runs what it explains
_EXPLAIN = re.compile(
    r"explain ((analyze|verbose|format|default|text|json|html|graphviz|yaml|mermaid|true|on|\() )*"
    r"(select|from|with|values|table|pivot\w*|unpivot|desc|describe|show|summarize)\b"
)
# DuckDB 2 takes `with x as (copy ...)`, and functions take SQL or a path as text
_WRITER = re.compile(
    r'(?<!\S)(copy(?!\S)|"?(enable_logging|enable_profiling|json_execute_serialized_sql|query)"?(?= \())'
)
_TOKEN = re.compile(rb"""[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|"(?:[^"]|"")*"|\w+|\(""", re.DOTALL)


def confine(con: duckdb.DuckDBPyConnection, lake: Path) -> None:
    """Restrict the connection to reading files under `lake`, without extensions or changes of settings."""
    folder = str(lake.resolve())
    # views escape glob characters in paths, and DuckDB compares paths as they are written
    con.execute("set allowed_directories = $folders", {"folders": [folder, escape(folder)]})
    # sorts and joins may still spill: DuckDB makes this folder when it needs it, and removes it
    con.execute("set temp_directory = $folder", {"folder": f"{tempfile.gettempdir()}/reklake-{uuid4().hex}"})
    con.execute("set autoinstall_known_extensions = false")
    con.execute("set autoload_known_extensions = false")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def refuse_writes(statement: duckdb.Statement) -> None:
    """Raise UsageError if the statement could write a file or change more than this connection's memory.

    Queries, EXPLAIN of queries, temporary tables, views and macros, and SET VARIABLE are allowed.
    """
    text = " ".join(token.lower() for token in _tokens(statement.query) if not _is_string(token))
    kind = statement.type.name
    is_pivot = kind == "CREATE" and not text  # DuckDB 1.5 makes a top-level PIVOT of a CREATE without text
    is_allowed = kind in _QUESTIONS or is_pivot or _IN_MEMORY.match(text) or _EXPLAIN.match(text)
    writer = _WRITER.search(text)
    if writer or not is_allowed:
        what = writer[0].strip('"') if writer and is_allowed else text.partition(" ")[0]
        raise UsageError(f"{what.upper()} is not allowed: queries only read the lake; give --allow-write to run it")


def refuse_published(statement: duckdb.Statement, lake: Path) -> None:
    """Raise UsageError if the statement names one of the lake's own files as its target, in COPY, EXPORT or ATTACH."""
    parts = [part for part in _tokens(statement.query) if part != "("]
    words = [part.lower() for part in parts]
    names_a_database = words[:1] in (["attach"], ["export"]) and "read_only" not in words
    for before, part in pairwise(["", *parts]):
        is_target = before.lower() == "to" and "copy" in words
        if is_target or (names_a_database and _is_string(part)):
            path = duckdb.execute(f"select {part}").fetchall()[0][0] if _is_string(part) else part.strip('"')
            if _is_published(path, lake, removes="overwrite" in words):
                raise UsageError(
                    f"{parts[0].upper()} would write {path}: what is published in {lake} does not change; "
                    "write to another folder"
                )


def _is_published(path: str, lake: Path, *, removes: bool) -> bool:
    """Whether the path is one of the lake's own, or contains the lake and the statement `removes` what is there."""
    try:
        target, root = Path(re.sub("^(duckdb:|file://)", "", path)).expanduser().resolve(), lake.resolve()
    except (OSError, RuntimeError, ValueError):  # no path at all: DuckDB explains it better
        return False
    # compared without case, as some file systems do
    inside = target.relative_to(root).parts[:1] if target.is_relative_to(root) else ()
    return (removes and root.is_relative_to(target)) or any(name.casefold() in PUBLISHED for name in inside)


def _tokens(query: str) -> list[str]:
    """Return names, keywords, string constants and opening brackets as written, without comments."""
    encoded = query.encode()  # offsets are in bytes
    kinds = {"keyword", "identifier", "operator", "string_const"}
    found = [_TOKEN.match(encoded, offset) for offset, kind in duckdb.tokenize(query) if kind.name in kinds]
    return [match[0].decode() for match in found if match]


def _is_string(token: str) -> bool:
    return token.endswith(("'", "$"))

"""What keeps a query that a person wrote from doing more than reading the lake.

Two fences. DuckDB's own settings stop every file outside the lake, extensions and further settings. They
do not tell reading from writing inside the lake, so each statement's kind is looked at before it runs.

With --allow-write both are down, and one stays: a statement that names a published file as what it writes is
refused. Views cannot be written to, and lake.duckdb is not opened at all, so nothing else leads there by accident.
It is no fence against intent: a path that is computed, or written by an extension, is not seen.
"""

from __future__ import annotations

import re
import tempfile
from glob import escape
from pathlib import Path
from uuid import uuid4

import duckdb

from pipeline.errors import UsageError

PUBLISHED = ("CURRENT", "snapshots", "raw", "runs", "lake.duckdb", "lake.duckdb.wal", ".lake.duckdb.built", ".lock")
"""What reklake itself keeps at the top of a lake's folder."""

_READS = frozenset({"SELECT", "EXPLAIN", "MULTI"})
"""Statement types that answer a question; MULTI is how DuckDB 2 parses a top-level PIVOT."""

_TEMPORARY = re.compile(r"create (or replace )?temp(orary)? (table|view|macro|function) ")
_VARIABLE = re.compile(r"(set|reset) variable ")
_EXPLAINED = re.compile(r"(?:explain|analyze|verbose|format|default|text|json|html|graphviz|yaml|mermaid|true|on|\() ")
"""What may stand between EXPLAIN and the statement that it explains, but for closing brackets and commas."""
_QUESTION = re.compile(r"(select|from|with|values|table|pivot\w*|unpivot|desc|describe|show|summarize|copy)\b")
_WORD = re.compile(rb'"(?:[^"]|"")*"|\w+|\(')
_TEXT = re.compile(rb"'(?:[^']|'')*'|[eE]'(?:[^'\\]|''|\\.)*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)

_WRITERS = {
    "copy": re.compile(r"(?<!\S)copy(?!\S)"),
    "enable_logging": re.compile(r'(?<!\S)"?enable_logging"? \('),
    "enable_profiling": re.compile(r'(?<!\S)"?enable_profiling"? \('),
    "json_execute_serialized_sql": re.compile(r'(?<!\S)"?json_execute_serialized_sql"? \('),
    "query": re.compile(r'(?<!\S)"?query"? \('),
}
"""What can write from inside a select: DuckDB 2 takes `with x as (copy ...)`, and these functions take SQL
or a path as text."""


def confine(con: duckdb.DuckDBPyConnection, lake: Path) -> None:
    """Let the connection read files under `lake` only, load no extension and change no setting.

    Sorting and joining may still spill to the system's temporary folder.
    """
    folder = str(lake.resolve())
    # a view's path has its glob characters escaped, and DuckDB compares it as it is written
    spellings = dict.fromkeys((folder, escape(folder)))
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in spellings)
    # a folder that does not exist yet: DuckDB makes it when it must, and then removes it
    spill = str(Path(tempfile.gettempdir()) / f"reklake-{uuid4().hex}").replace("'", "''")
    con.execute(f"set temp_directory = '{spill}'")
    con.execute("set autoinstall_known_extensions = false")
    con.execute("set autoload_known_extensions = false")
    con.execute(f"set allowed_directories = [{listed}]")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def refuse_writes(statement: duckdb.Statement) -> None:
    """Raise UsageError when the statement could write a file or change more than this connection's memory.

    Allowed are queries, EXPLAIN of queries, temporary tables, views and macros, and SET VARIABLE.
    """
    words = _words(statement.query)
    text = " ".join(words)
    kind = statement.type.name
    is_pivot = kind == "CREATE" and not text  # DuckDB 1.5 makes a top-level PIVOT of a CREATE without text
    allowed = kind in _READS or is_pivot or _TEMPORARY.match(text) or _VARIABLE.match(text)
    writers = [name for name, pattern in _WRITERS.items() if pattern.search(text)]
    if kind == "EXPLAIN" and not _QUESTION.match(explained := _what_is_explained(text)):
        what = f"explain of {explained.partition(' ')[0]}"  # EXPLAIN ANALYZE runs it
    elif allowed and not writers:
        return
    else:
        what = writers[0] if allowed else words[0]
    raise UsageError(f"{what.upper()} is not allowed: queries only read the lake; give --allow-write to run it")


def refuse_published(statement: duckdb.Statement, lake: Path) -> None:
    """Raise UsageError when the statement says that it writes where reklake keeps the lake's own files.

    Looked at are the paths that COPY, EXPORT and ATTACH name as text.
    """
    encoded = statement.query.encode()
    words = _words(statement.query)
    first = words[0] if words else ""  # a PIVOT of DuckDB 1.5 has no text
    names_a_database = first in {"attach", "export"} and "read_only" not in words
    before = ""
    for offset, kind in duckdb.tokenize(statement.query):
        word = _WORD.match(encoded, offset)
        constant = _TEXT.match(encoded, offset) if kind.name == "string_const" else None
        path = None
        if constant and (before == "to" or names_a_database):
            path = _decoded(constant[0])
        elif word and before == "to" and "copy" in words:
            path = word[0].decode().strip('"').replace('""', '"')
        if path and _is_published(path, lake, removes="overwrite" in words):
            raise UsageError(
                f"{first.upper()} would write {path}: what is published in {lake} does not change; "
                "write to another folder"
            )
        if word and word[0] != b"(":
            before = word[0].decode().lower()


def _is_published(path: str, lake: Path, *, removes: bool) -> bool:
    """Whether the path is one of the lake's own files or folders; what `removes` a folder may not hold the lake."""
    bare = path.removeprefix("duckdb:").removeprefix("file://")
    try:
        target, root = Path(bare).expanduser().resolve(), lake.resolve()
    except (OSError, RuntimeError, ValueError):  # no path at all, which DuckDB will say better
        return False
    if removes and root.is_relative_to(target):
        return True
    if target == root or not target.is_relative_to(root):
        return False
    # compared as a disk would that does not tell capitals from small letters
    return target.relative_to(root).parts[0].casefold() in {name.casefold() for name in PUBLISHED}


def _decoded(literal: bytes) -> str:
    """Return the text that an SQL string constant stands for, as DuckDB reads it."""
    with duckdb.connect() as con:
        (row,) = con.execute(f"select {literal.decode()}").fetchall()
    return str(row[0])


def _what_is_explained(text: str) -> str:
    while found := _EXPLAINED.match(text):
        text = text[found.end() :]
    return text


def _words(query: str) -> list[str]:
    """Return names (quoted as they stand), keywords and opening brackets, without strings and comments."""
    encoded = query.encode()
    words = []
    for offset, kind in duckdb.tokenize(query):  # offsets are in bytes
        if kind.name in {"keyword", "identifier", "operator"} and (word := _WORD.match(encoded, offset)):
            words.append(word[0].decode().lower())
    return words

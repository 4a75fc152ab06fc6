"""What keeps a query that a person wrote from doing more than reading the lake.

Two fences. DuckDB's own settings stop every file outside the lake, extensions and further settings. They
do not tell reading from writing inside the lake, so each statement's kind is looked at before it runs.
"""

from __future__ import annotations

import re
import tempfile
from glob import escape
from pathlib import Path
from uuid import uuid4

import duckdb

from pipeline.errors import UsageError

_READS = frozenset({"SELECT", "EXPLAIN", "MULTI"})
"""Statement types that answer a question; MULTI is how DuckDB 2 parses a top-level PIVOT."""

_TEMPORARY = re.compile(r"create (or replace )?temp(orary)? (table|view|macro|function) ")
_VARIABLE = re.compile(r"(set|reset) variable ")
_WORD = re.compile(rb'"(?:[^"]|"")*"|\w+|\(')

_WRITERS = {
    "copy": re.compile(r"(?<!\S)copy(?!\S)"),
    "enable_logging": re.compile(r'(?<!\S)"?enable_logging"? \('),
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
    if allowed and not writers:
        return
    what = writers[0] if allowed else words[0]
    raise UsageError(f"{what.upper()} is not allowed: queries only read the lake; give --allow-write to run it")


def _words(query: str) -> list[str]:
    """Return names (quoted as they stand), keywords and opening brackets, without strings and comments."""
    encoded = query.encode()
    words = []
    for offset, kind in duckdb.tokenize(query):  # offsets are in bytes
        if kind.name in {"keyword", "identifier", "operator"} and (word := _WORD.match(encoded, offset)):
            words.append(word[0].decode().lower())
    return words

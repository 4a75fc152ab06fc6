"""Runs users' SQL statement by statement, and explains what is wrong with it in one message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.query import guard
from pipeline.query.result import QueryResult

BATCH_ROWS = 10_000
"""Rows held in memory at a time."""
JSON_MARK = {b"reklake.type": b"json"}
"""Metadata of a field whose text is JSON; Arrow has no such type."""

_FILE_NAME = re.compile(r"Catalog Error: Table with name (\S*/\S*) does not exist")
"""DuckDB's error for a file name from which it cannot tell the format."""


def parse(con: duckdb.DuckDBPyConnection, text: str) -> list[duckdb.Statement]:
    """Return the statements of a text; UsageError if it has none or cannot be parsed."""
    with _explained(con):
        statements = con.extract_statements(text)
    if not statements:
        raise UsageError('the query is empty: give one, such as "from model_inventory"')
    return statements


def has_result(statement: duckdb.Statement) -> bool:
    """Whether the statement returns rows, rather than a count of what it did."""
    kinds = [kind.name for kind in statement.expected_result_type]
    return kinds == ["QUERY_RESULT"] or statement.type.name == "MULTI"  # MULTI is a PIVOT


def run(
    con: duckdb.DuckDBPyConnection,
    statements: list[duckdb.Statement],
    *,
    allow_write: bool = False,
    lake: Path | None = None,
) -> Iterator[QueryResult]:
    """Run the statements in order and yield the result of each that returns rows.

    Read a result before asking for the next. Raises UsageError for SQL that fails, or that would write: anything at
    all, or with `allow_write` the published files of `lake`.
    """
    for statement in statements:
        if not allow_write:
            guard.refuse_writes(statement)
        elif lake is not None:
            guard.refuse_published(statement, lake)
        with _explained(con):
            if not has_result(statement):
                con.execute(statement)
                continue
            relation = con.sql(statement)
            reader = relation.to_arrow_reader(BATCH_ROWS)
            schema = _schema(reader.schema, [str(kind) for kind in relation.types])
        yield QueryResult(schema, _batches(con, reader, schema))


def ask(con: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]) -> QueryResult:
    """Run a query of reklake's own, with values for its `$name` parameters, and return its result."""
    with _explained(con):
        relation = con.sql(query, params=parameters)
        reader = relation.to_arrow_reader(BATCH_ROWS)
        schema = _schema(reader.schema, [str(kind) for kind in relation.types])
    return QueryResult(schema, _batches(con, reader, schema))


def _schema(schema: pa.Schema, types: list[str]) -> pa.Schema:
    """Return the schema with unique names (a, a_2, ...) and JSON columns marked."""
    taken: set[str] = set()
    fields = []
    for field, kind in zip(schema, types, strict=True):
        name, number = field.name, 1
        while name in taken:
            number += 1
            name = f"{field.name}_{number}"
        taken.add(name)
        fields.append(field.with_name(name).with_metadata(JSON_MARK if kind == "JSON" else None))
    return pa.schema(fields)


def _batches(
    con: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    while True:
        with _explained(con):
            batch = next(reader, None)
        if batch is None:
            return
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


@contextmanager
def _explained(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Turn DuckDB's errors, and Arrow's that wrap them, into UsageError."""
    try:
        yield
    except duckdb.PermissionException as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{first}: queries read only the lake; give --allow-write to lift this") from error
    except duckdb.CatalogException as error:
        message = str(error).rstrip()
        if (named := _FILE_NAME.match(message)) and _is_confined(con):
            raise UsageError(
                f"{named[1]}: no such table, and files outside the lake are not read; give --allow-write to read them"
            ) from error
        if message.startswith("Catalog Error: Table with name"):
            message = f"{message}\nThere are: {', '.join(_names(con))}"
        raise UsageError(message) from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise UsageError(str(error).rstrip()) from error
    except RuntimeError as error:  # what DuckDB makes of Ctrl-C
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def _is_confined(con: duckdb.DuckDBPyConnection) -> bool:
    found = con.cursor().execute("select current_setting('enable_external_access')").fetchall()
    return not found[0][0]


def _names(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return every view by the name that a query can use; those of `main` first, by their bare names."""
    views = """
        select if(schema_name = 'main', view_name, concat(schema_name, '.', view_name))
        from duckdb_views()
        where not internal and schema_name <> 'marts'
        order by schema_name <> 'main', schema_name, view_name
    """
    return [name for (name,) in con.cursor().execute(views).fetchall()]

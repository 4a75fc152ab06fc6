"""The data dictionary: the declared tables as Markdown, for docs/tables.md."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.model.history import VALIDITY
from pipeline.model.schema import Column, Table

HEADER = """# Tables

Made from the declarations in `pipeline/model/listings.py` and `pipeline/model/details.py` by
`reklake tables --format markdown`; a test fails when this page is stale. The same sentences stand in the Parquet files
(field metadata) and in DuckDB (`comment on`). `^.` before a source means the description that the row is nested in.
"""


HISTORY = """## history

`history.<table>` has one row per row of the table and state it was seen in, with all columns of the table and these.
`as_of.<table>(instant)` gives the table as it stood then.

In the files of a snapshot, `<table>.parquet` has valid_from beside the declared columns, and `history/<table>.parquet`
has the states that have ended, with both.

| column | type | unit | source | meaning |
|---|---|---|---|---|
"""


def markdown(tables: Iterable[Table]) -> str:
    """Return the page: a section per table with a row per column, and a section on histories."""
    history = HISTORY + "".join(f"{_line(column)}\n" for column in VALIDITY)
    return "\n".join([HEADER, *(_section(table) for table in tables), history])


def _section(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    lines = [
        f"## {table.name}",
        "",
        f"{table.description} {table.grain.capitalize()}; key: {key}; from {table.operation}.",
        "",
        "| column | type | unit | source | meaning |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_line, table.columns), ""])


def _line(column: Column) -> str:
    return f"| {column.name} | {column.type} | {column.unit} | {column.source} | {column.description} |"

"""The data dictionary: the declared tables as Markdown, for docs/tables.md."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.model.history import ADDED
from pipeline.model.schema import Column, Table

HEADER = """# Tables

Made from the declarations in `pipeline/model/tables.py` and `pipeline/model/details.py` by
`reklake tables --format markdown`; a test fails when this page is stale. The same sentences stand in the Parquet files
(field metadata) and in DuckDB (`comment on`). `^.` before a source means the description that the row is nested in.
"""


HISTORY = """## history

Each table has a history, `history.<table>`: one row per row of the table and state it was seen in, with all columns of
the table and these. `as_of.<table>(instant)` gives the table as it stood then.

As a file, `history/<table>.parquet` is there from the table's first change on. Until then each row has been as it is
since the instant that `manifest.json` gives for its account and region (`history`, the table's name, `since`): that is
its valid_from, begins_as is appeared, and the others are null.

| column | type | unit | source | meaning |
|---|---|---|---|---|
"""


def markdown(tables: Iterable[Table]) -> str:
    """Return the page: a section a table, a row a column, and what histories add."""
    history = HISTORY + "".join(f"{_line(column)}\n" for column in ADDED)
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

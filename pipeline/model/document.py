"""The data dictionary: the declared tables as Markdown, for docs/tables.md."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.model.schema import Table

HEADER = """# Tables

Made from the declarations in `pipeline/model/tables.py` by `reklake tables --format markdown`; a test fails
when this page is stale. The same sentences stand in the Parquet files (field metadata) and in DuckDB
(`comment on`). `^.` before a source means the description that the row is nested in.
"""


def markdown(tables: Iterable[Table]) -> str:
    """Return the page: a section a table, a row a column."""
    return "\n".join([HEADER, *(_section(table) for table in tables)])


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
    lines += [
        f"| {column.name} | {column.type} | {column.unit} | {column.source} | {column.description} |"
        for column in table.columns
    ]
    return "\n".join([*lines, ""])

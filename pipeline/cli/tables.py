"""The commands tables and version."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from pipeline.errors import UsageError


class TablesFormat(StrEnum):
    """The form in which declarations are shown."""

    table = "table"
    json = "json"
    markdown = "markdown"


def tables(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A table, view or mart; all of them if omitted.")
    ] = None,
    form: Annotated[TablesFormat, typer.Option("--format", help="Form of the result.")] = TablesFormat.table,
) -> None:
    """List what can be queried: tables, their histories, views and marts; or the columns of one of them.

    Every table also has a macro that returns it as it was at an instant: `from as_of.projects('2026-11-01')`.

    Examples:

        reklake tables

        reklake tables project_versions

        reklake tables history.project_versions

        reklake tables --format markdown > docs/tables.md
    """
    from pipeline.model import TABLES, history_of
    from pipeline.model.document import markdown
    from pipeline.query import sqlfiles

    files = {file.name: file for folder in ("views", "marts") for file in sqlfiles.read(folder)}
    histories = {f"history.{table.name}": history_of(table) for table in TABLES}
    declared = {table.name: table for table in TABLES} | histories
    if name and name not in declared and name not in files:
        raise UsageError(f"{name}: no such table. Known: {', '.join([*declared, *files])}.")
    if form is TablesFormat.markdown:
        if name in files:
            raise UsageError(f"{name}: --format markdown documents the declared tables: {', '.join(declared)}.")
        typer.echo(markdown([declared[name]] if name else TABLES), nl=False)
        return
    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if name in declared:
        heading = ("column", "type", "unit", "source", "meaning")
        columns = declared[name].columns
        rows = [(column.name, str(column.type), column.unit, column.source, column.description) for column in columns]
    elif name in files:
        heading, rows = ("column", "meaning"), list(files[name].columns.items())
    else:
        heading = ("name", "kind", "grain", "what it is")
        rows = [(table.name, "table", table.grain, table.description) for table in TABLES]
        rows += [(name, "history", table.grain, table.description) for name, table in histories.items()]
        rows += [(file.name, file.folder.rstrip("s"), file.grain, file.description) for file in files.values()]
    _show(heading, rows, form)


def version() -> None:
    """Show the versions of reklake and of its dependencies."""
    from pipeline.lake.installed import software

    for name, number in software().items():
        typer.echo(f"{name} {number}")


def _show(heading: tuple[str, ...], rows: list[tuple[str, ...]], form: TablesFormat) -> None:
    if form is TablesFormat.json:
        typer.echo(json.dumps([dict(zip(heading, row, strict=True)) for row in rows], indent=2))
        return
    from rich.console import Console
    from rich.table import Table as View

    view = View(*heading, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        view.add_row(*row)
    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console.width = 200
    console.print(view, markup=False)

"""What there is to query, and which reklake this is: the commands tables and version."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from pipeline.errors import UsageError


class TablesFormat(StrEnum):
    """How the declarations are shown."""

    table = "table"
    json = "json"
    markdown = "markdown"


def tables(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A table, view or mart; all of them if left out.", show_default=False),
    ] = None,
    output: Annotated[TablesFormat, typer.Option("--format", help="How to show it.")] = TablesFormat.table,
) -> None:
    """Show what can be queried: tables, their histories, views and marts, or the columns of one of them.

    Every table also has a macro that gives it as it stood at an instant: `from as_of.projects('2026-11-01')`.

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
        raise UsageError(f"{name}: no such table. There are {', '.join([*declared, *files])}.")
    if output is TablesFormat.markdown:
        if name in files:
            raise UsageError(f"{name}: --format markdown documents the declared tables: {', '.join(declared)}.")
        typer.echo(markdown([declared[name]] if name else TABLES), nl=False)
        return
    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if name in declared:
        heading = ("column", "type", "unit", "source", "meaning")
        rows = [(one.name, str(one.type), one.unit, one.source, one.description) for one in declared[name].columns]
    elif name in files:
        heading, rows = ("column", "meaning"), list(files[name].columns.items())
    else:
        heading = ("name", "kind", "grain", "what it is")
        rows = [(one.name, "table", one.grain, one.description) for one in TABLES]
        rows += [(name, "history", one.grain, one.description) for name, one in histories.items()]
        rows += [(one.name, one.folder.rstrip("s"), one.grain, one.description) for one in files.values()]
    _show(heading, rows, output)


def version() -> None:
    """Show the versions of reklake and of what it stands on."""
    from pipeline.lake.installed import software

    for name, number in software().items():
        typer.echo(f"{name} {number}")


def _show(heading: tuple[str, ...], rows: list[tuple[str, ...]], output: TablesFormat) -> None:
    if output is TablesFormat.json:
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

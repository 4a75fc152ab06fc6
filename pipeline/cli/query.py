"""Asking a lake: the commands sql and check."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Config, Lake
from pipeline.cli.render import Format
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pipeline.load.checks import CheckResult
    from pipeline.load.queries import Result
    from pipeline.settings import Settings

ONE_RESULT = (Format.csv, Format.json, Format.jsonl, Format.parquet)
"""Forms in which a second result would spoil the first."""


class CheckFormat(StrEnum):
    """How check results are shown."""

    table = "table"
    json = "json"


def sql(
    query: Annotated[
        str | None,
        typer.Argument(metavar="[QUERY]", help="SQL to run; - reads it from stdin.", show_default=False),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the SQL from a file.")] = None,
    lake: Lake = None,
    form: Annotated[
        Format, typer.Option("--format", help="How to write the result; only table rounds numbers.")
    ] = Format.table,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file, whole or not at all.")] = None,
    allow_write: Annotated[
        bool,
        typer.Option("--allow-write", help="Let the SQL write files, read outside the lake and load extensions."),
    ] = False,
    config: Config = None,
) -> None:
    """Run SQL over the lake. Tables and marts go by their names; see `reklake tables`. Times are in UTC.

    Several statements may be given, divided by semicolons.

    Examples:

        reklake sql "from model_inventory"

        reklake sql --format csv "select * from training_cost order by month" > cost.csv

        reklake sql --format parquet -o trend.parquet "from f1_trend"

        echo "from running_models" | reklake sql -
    """
    from pipeline.load import queries
    from pipeline.settings import load

    text = _text(query, file)
    if form is Format.parquet and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal: name a file with --output, or redirect stdout")
    with _connected(load(lake=lake, config=config), allow_write=allow_write) as con:
        statements = queries.parse(con, text)
        answers = sum(map(queries.has_result, statements))
        if answers > 1 and form in ONE_RESULT:
            raise UsageError(f"{answers} results do not fit into one {form}: ask for one, or use --format table")
        with _destination(output) as out:
            for number, result in enumerate(queries.run(con, statements, allow_write=allow_write)):
                _render(result, form, out, is_first=number == 0)


def check(
    lake: Lake = None,
    form: Annotated[CheckFormat, typer.Option("--format", help="How to show what was found.")] = CheckFormat.table,
    config: Config = None,
) -> None:
    """Run the data checks of sql/checks over the lake.

    Exits 4 when a check of severity error finds rows. Warnings are shown and do not change the exit code.

    Examples:

        reklake check

        reklake check --format json
    """
    from pipeline.load import checks
    from pipeline.settings import load

    with _connected(load(lake=lake, config=config)) as con:
        results = checks.run(con)
    if form is CheckFormat.json:
        _print_json(results)
    else:
        _print_results(results)
    if any(result.severity == "error" and not result.passed for result in results):
        raise typer.Exit(Exit.CHECKS)


@contextmanager
def _connected(settings: Settings, *, allow_write: bool = False) -> Iterator[DuckDBPyConnection]:
    """Open the lake for queries, once its files are on this machine."""
    from pipeline.load import snapshot, warehouse
    from pipeline.record import FOLDER
    from pipeline.storage import open_lake

    lake = open_lake(settings.lake)
    folder = snapshot.current(lake).folder()
    lake.fetch_folder(FOLDER)
    with warehouse.connect(lake.root, snapshot=folder, prices=settings.prices, allow_write=allow_write) as con:
        yield con


def _text(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise UsageError('give one query: as an argument, such as "from projects", with --file, or - for stdin')
    try:
        if file is not None:
            return file.read_text(encoding="utf-8-sig")
        text = sys.stdin.buffer.read().decode("utf-8-sig") if query == "-" else str(query)
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            "the query is not UTF-8 text in this locale; set LC_ALL=C.UTF-8, or give it with --file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file or 'stdin'}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    return text


@contextmanager
def _destination(output: Path | None) -> Iterator[IO[bytes] | None]:
    """Yield the file to write to, which appears when all is written; None stands for stdout."""
    if output is None:
        try:
            yield None
            sys.stdout.flush()
        except BrokenPipeError:
            # the reader has seen enough; leave nothing for the interpreter to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    target = output.resolve()
    is_device = target.exists() and not target.is_file()  # such as /dev/null or a named pipe
    building = target if is_device else target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with building.open("wb") as out:
            yield out
        if not is_device:
            building.replace(target)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error
    finally:
        if not is_device:
            building.unlink(missing_ok=True)


def _render(result: Result, form: Format, out: IO[bytes] | None, *, is_first: bool) -> None:
    from pyarrow import ArrowException
    from rich.console import Console

    from pipeline.cli import render

    try:
        if form is Format.table and out is None and sys.stdout.isatty():
            render.show(result, Console())
            return
        stream = out or sys.stdout.buffer
        if not is_first:
            stream.write(b"\n")
        render.write(result, form, stream)
    except (ArrowException, OverflowError, ValueError) as error:
        raise UsageError(f"a value cannot be written as {form}: {error}; cast its column to varchar") from error


def _print_results(results: tuple[CheckResult, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from pipeline.cli import render

    console = Console(soft_wrap=True, highlight=False)
    found = [result for result in results if not result.passed]
    for result in found:
        color = "red" if result.severity == "error" else "yellow"
        rows = f"{result.rows:,} row{'' if result.rows == 1 else 's'}"
        console.print(f"[{color}]{result.severity}[/{color}] [bold]{result.name}[/bold]: {rows}")
        console.print(f"  {escape(result.description)}")
        columns = [render.texts(column).to_pylist() for column in result.sample.combine_chunks().columns]
        for row in zip(*columns, strict=True):
            shown = ["null" if cell is None else render.printable(cell) or "''" for cell in row]
            cells = zip(result.sample.schema.names, shown, strict=True)
            line = ", ".join(f"{name}={cell}" for name, cell in cells)
            console.print(f"  {line}", markup=False)
    errors = sum(result.severity == "error" for result in found)
    console.print(
        f"{len(results)} checks: {len(results) - len(found)} passed, "
        f"{errors} with errors, {len(found) - errors} with warnings"
    )


def _print_json(results: tuple[CheckResult, ...]) -> None:
    from msgspec import Raw, json

    from pipeline.cli import render

    rows = [
        {
            "name": result.name,
            "severity": result.severity,
            "description": result.description,
            "rows": result.rows,
            "sample": [Raw(row.encode()) for row in render.objects(_sample(result))],
            "query": result.query,
        }
        for result in results
    ]
    typer.echo(json.format(json.encode(rows), indent=2))


def _sample(result: CheckResult) -> Result:
    from pipeline.load.queries import Result

    return Result(result.sample.schema, iter(result.sample.to_batches()))

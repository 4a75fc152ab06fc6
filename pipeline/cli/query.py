"""Asking a lake: the commands sql and check."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import output as output_to
from pipeline.cli.exits import Exit
from pipeline.cli.lean import without
from pipeline.cli.moments import moment
from pipeline.cli.options import Config, Lake
from pipeline.cli.render import Format
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pipeline.query.checks import CheckResult
    from pipeline.query.result import Result
    from pipeline.settings import Settings

ONE_RESULT = (Format.csv, Format.json, Format.jsonl, Format.parquet)
"""Forms in which a second result would spoil the first."""


RUN_COLUMNS = ("run_id", "kind", "outcome", "seconds", "scopes", "failed", "snapshot", "error")
SCOPE_COLUMNS = (
    "account_id",
    "region",
    "outcome",
    "projects",
    "versions",
    "calls",
    "throttles",
    "seconds",
    "resumed_from",
    "error",
)


class CheckFormat(StrEnum):
    """How check results are shown."""

    table = "table"
    json = "json"


@without("numpy")
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

    Several statements may be given, divided by semicolons. They read the lake and nothing else, unless --allow-write
    is given: then they may also write files, read any, and load extensions. What is published stays as it is even
    so: views take no rows, lake.duckdb is not opened, and COPY, EXPORT and ATTACH are refused a path of the lake's own.

    Examples:

        reklake sql "from model_inventory"

        reklake sql --format csv "select * from training_cost order by month" > cost.csv

        reklake sql --format parquet -o trend.parquet "from f1_trend"

        reklake sql --allow-write "copy projects to 'projects.csv'"

        echo "from running_models" | reklake sql -
    """
    from pipeline.query import answers as queries
    from pipeline.settings import load

    text = _text(query, file)
    output_to.check(form, output)
    with _connected(load(lake=lake, config=config), allow_write=allow_write) as (con, root):
        statements = queries.parse(con, text)
        answers = sum(map(queries.has_result, statements))
        if answers > 1 and form in ONE_RESULT:
            raise UsageError(f"{answers} results do not fit into one {form}: ask for one, or use --format table")
        with output_to.destination(output) as out:
            for number, result in enumerate(queries.run(con, statements, allow_write=allow_write, lake=root)):
                output_to.render(result, form, out, is_first=number == 0)


@without("numpy")
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
    from pipeline.query import checks
    from pipeline.settings import load

    with _connected(load(lake=lake, config=config)) as (con, _):
        results = checks.run(con)
    if form is CheckFormat.json:
        _print_json(results)
    else:
        _print_results(results)
    if any(result.severity == "error" and not result.passed for result in results):
        raise typer.Exit(Exit.CHECKS)


def runs(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="One run, scope by scope.", show_default=False)
    ] = None,
    lake: Lake = None,
    count: Annotated[int, typer.Option("--count", min=1, help="So many of the last runs.")] = 20,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.table,
    config: Config = None,
) -> None:
    """Show the last runs, or one of them scope by scope: how it ended, what it cost, and why what failed did.

    Examples:

        reklake runs

        reklake runs 20261123T040000Z-5d1f3a07

        reklake runs --format json --count 1
    """
    from pipeline.lake import open_lake
    from pipeline.lake import run_record as record
    from pipeline.settings import load

    settings = load(lake=lake, config=config)
    store = open_lake(settings.lake, settings.aws.profile)
    found = record.documents(store)
    if run_id is not None and run_id not in found:
        last = ", ".join([*found][-5:]) or "none"
        raise UsageError(f"{store}: no record of run {run_id}. The last runs: {last}.")
    if run_id is None:
        rows = [_run_row(one) for one in [*found.values()][-count:]]
        output_to.write(output_to.table_of(RUN_COLUMNS, rows), form)
    else:
        rows = [_scope_row(one) for one in found[run_id]["scopes"]]
        output_to.write(output_to.table_of(SCOPE_COLUMNS, rows), form)


@without("numpy")
def changes(
    since: Annotated[
        str,
        typer.Option("--since", help="A date or time (UTC), or an age such as 7d.", metavar="WHEN"),
    ] = "7d",
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="What one run saw.", show_default=False)
    ] = None,
    lake: Lake = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.table,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file, whole or not at all.")] = None,
    config: Config = None,
) -> None:
    """Show what appeared, changed or went, as the syncs saw it: the mart `changes`, the latest last.

    What the first listing of an account and region found may have been there for long, and is only shown by --run.

    Examples:

        reklake changes --since 2d

        reklake changes --since 2026-11-01 --format csv > november.csv

        reklake changes --run 20261123T040000Z-5d1f3a07
    """
    from pipeline.query import answers as queries
    from pipeline.settings import load

    output_to.check(form, output)
    wanted = "run_id = $run" if run_id else "changed_at >= $since and not is_first_listing"
    parameters = {"run": run_id} if run_id else {"since": moment(since, "--since")}
    with _connected(load(lake=lake, config=config)) as (con, _):
        result = queries.ask(
            con,
            f"from changes where {wanted} order by changed_at, account_id, region, table_name, arn, item, column_name",
            parameters,
        )
        output_to.write(result, form, output=output)


@contextmanager
def _connected(settings: Settings, *, allow_write: bool = False) -> Iterator[tuple[DuckDBPyConnection, Path]]:
    """Open the lake for queries, once its files are on this machine; yields where they are, too."""
    from pipeline.lake import open_lake, snapshot
    from pipeline.lake.run_record import FOLDER
    from pipeline.query import database as warehouse

    lake = open_lake(settings.lake, settings.aws.profile)
    folder = snapshot.current(lake).folder()
    lake.fetch_folder(FOLDER)
    with warehouse.connect(lake.root, snapshot=folder, prices=settings.prices, allow_write=allow_write) as con:
        yield con, lake.root


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


def _run_row(document: dict[str, Any]) -> tuple[Any, ...]:
    failed = sum(one["outcome"] != "complete" for one in document["scopes"])
    counted = {"scopes": len(document["scopes"]), "failed": failed, "seconds": document["seconds"].get("total")}
    return tuple({**document, **counted}.get(name) for name in RUN_COLUMNS)


def _scope_row(document: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(document.get(name) for name in SCOPE_COLUMNS)


def _print_results(results: tuple[CheckResult, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from pipeline.cli import render

    console = Console(soft_wrap=True, highlight=False, emoji=False)
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
    from pipeline.query.result import Result

    return Result(result.sample.schema, iter(result.sample.to_batches()))

"""The commands that query a lake: sql, check, changes, runs."""

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
from pipeline.cli.options import AsFormat, Config, Lake, Output
from pipeline.cli.render import Format
from pipeline.cli.units import instant
from pipeline.errors import UsageError
from pipeline.jobs.units import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pipeline.query.checks import CheckResult
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
    """The form in which check results are shown."""

    table = "table"
    json = "json"


def sql(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="SQL to run; - reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the SQL from a file.")] = None,
    lake: Lake = None,
    form: AsFormat = Format.table,
    output: Output = None,
    allow_write: Annotated[
        bool,
        typer.Option("--allow-write", help="Let the SQL read and write files outside the lake, and load extensions."),
    ] = False,
    config: Config = None,
) -> None:
    """Run SQL over the lake. `reklake tables` lists the tables and marts. Times are in UTC.

    The SQL may have several statements, separated by semicolons. They can only read the lake. With --allow-write they
    can also read and write other files and load extensions, but still not change what is published: views take no
    rows, lake.duckdb is not opened, and COPY, EXPORT and ATTACH cannot write the lake's own files.

    Examples:

        reklake sql "from model_inventory"

        reklake sql --format csv "select * from training_cost order by month" > cost.csv

        reklake sql --format parquet -o trend.parquet "from f1_trend"

        reklake sql --allow-write "copy projects to 'projects.csv'"

        echo "from running_models" | reklake sql -
    """
    from pipeline.query import answers
    from pipeline.settings import load

    text = _text(query, file)
    output_to.check(form, output)
    # marts.<name> is defined if the text can name it: that takes a tenth of the time of a short query
    named = "marts" in text.lower()
    with _connected(load(lake=lake, config=config), allow_write=allow_write, has_second_names=named) as (con, root):
        statements = answers.parse(con, text)
        count = sum(map(answers.has_result, statements))
        if count > 1 and form in ONE_RESULT:
            raise UsageError(f"{count} results do not fit into one {form}: give one query, or use --format table")
        with output_to.destination(output) as out:
            for number, result in enumerate(answers.run(con, statements, allow_write=allow_write, lake=root)):
                output_to.render(result, form, out, is_first=number == 0)


def check(
    lake: Lake = None,
    form: Annotated[CheckFormat, typer.Option("--format", help="Form of the result.")] = CheckFormat.table,
    config: Config = None,
) -> None:
    """Run the data checks of sql/checks over the lake.

    Exits 4 if a check of severity error finds rows. Warnings are shown, but do not change the exit code.

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
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Id of a run, to show its scopes.")] = None,
    lake: Lake = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Number of last runs to show.")] = 20,
    form: AsFormat = Format.table,
    config: Config = None,
) -> None:
    """Show the last runs, or the scopes of one run: the outcome, the cost, and the reason of each failure.

    Examples:

        reklake runs

        reklake runs 20261123T040000Z-5d1f3a07

        reklake runs --format json --count 1
    """
    from itertools import islice

    from pipeline.lake import open_lake, run_log, snapshot
    from pipeline.settings import load

    settings = load(lake=lake, config=config)
    store = open_lake(settings.lake, settings.aws.profile)
    snapshot.check_exists(store)
    if run_id is None:
        newest_first = [*islice(run_log.newest_first(store), count)]
        output_to.write(output_to.table_of(RUN_COLUMNS, [_run_row(run) for run in reversed(newest_first)]), form)
        return
    found = run_log.read(store, run_id)
    if found is None:
        last = ", ".join(reversed([run["run_id"] for run in islice(run_log.newest_first(store), 5)])) or "none"
        raise UsageError(f"{store}: no record of run {run_id}. The last runs are {last}.")
    rows = [tuple(map(scope.get, SCOPE_COLUMNS)) for scope in found["scopes"]]
    output_to.write(output_to.table_of(SCOPE_COLUMNS, rows), form)


def changes(
    since: Annotated[
        str, typer.Option("--since", help="Since a date or time (UTC), or an age such as 7d.", metavar="WHEN")
    ] = "7d",
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Only the changes that one run found.")
    ] = None,
    lake: Lake = None,
    form: AsFormat = Format.table,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show what appeared, changed or was deleted between syncs: the mart `changes`, latest last.

    Times are sync times. What the first listing of an account and region found may be much older; only --run shows it.

    Examples:

        reklake changes --since 2d

        reklake changes --since 2026-11-01 --format csv > november.csv

        reklake changes --run 20261123T040000Z-5d1f3a07
    """
    from pipeline.query import answers
    from pipeline.settings import load

    output_to.check(form, output)
    wanted = "run_id = $run" if run_id else "changed_at >= $since and not is_first_listing"
    parameters = {"run": run_id} if run_id else {"since": instant(since, "--since")}
    with _connected(load(lake=lake, config=config)) as (con, _):
        if run_id and not con.execute("select 1 from runs where run_id = $run", parameters).fetchall():
            raise UsageError(f"no record of run {run_id}. `reklake runs` shows the last runs.")
        result = answers.ask(
            con,
            f"from changes where {wanted} order by changed_at, account_id, region, table_name, arn, item, column_name",
            parameters,
        )
        output_to.write(result, form, output=output)


@contextmanager
def _connected(
    settings: Settings, *, allow_write: bool = False, has_second_names: bool = False
) -> Iterator[tuple[DuckDBPyConnection, Path]]:
    """Open the lake for queries, with its files on this machine; yields the connection and the folder of the files."""
    from pipeline.lake import open_lake, run_log, snapshot
    from pipeline.query import database

    lake = open_lake(settings.lake, settings.aws.profile)
    folder = snapshot.current(lake).folder()
    run_log.fetch(lake)
    with database.connect(
        lake.root,
        snapshot=folder,
        prices=settings.prices,
        allow_write=allow_write,
        has_second_names=has_second_names,
    ) as con:
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
    scopes = document["scopes"]
    failed = sum(scope["outcome"] != "complete" for scope in scopes)
    figures = {"scopes": len(scopes), "failed": failed, "seconds": document["seconds"].get("total")}
    return tuple(map((document | figures).get, RUN_COLUMNS))


def _print_results(results: tuple[CheckResult, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from pipeline.cli import render

    console = Console(soft_wrap=True, highlight=False, emoji=False)
    found = [result for result in results if not result.passed]
    for result in found:
        color = "red" if result.severity == "error" else "yellow"
        rows = counted(result.rows, "row")
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
    from pipeline.query.result import QueryResult

    rows = [
        {
            "name": result.name,
            "severity": result.severity,
            "description": result.description,
            "rows": result.rows,
            "sample": [
                Raw(row.encode())
                for row in render.objects(QueryResult(result.sample.schema, iter(result.sample.to_batches())))
            ],
            "query": result.query,
        }
        for result in results
    ]
    typer.echo(json.format(json.encode(rows), indent=2))

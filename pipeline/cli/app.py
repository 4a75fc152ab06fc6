"""The `reklake` command: its subcommands, and how an error becomes one message and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import demo, explain, maintenance, policy, preflight, query, runs, tables
from pipeline.cli.exits import Exit
from pipeline.cli.output import discard_stdout
from pipeline.cli.render import printable
from pipeline.errors import BusyError, ReklakeError, UsageError

COMMANDS = {
    "Export": (runs.sync, preflight.plan, runs.replay, runs.verify),
    "Query": (query.sql, tables.tables, query.changes, query.runs, explain.explain, query.check, maintenance.pull),
    "Maintain": (preflight.doctor, maintenance.rollback, maintenance.gc, policy.iam_policy),
    "Try": (demo.demo, demo.emulator, tables.version),
}
"""Every command, by panel and in the order in which `reklake --help` shows them."""
FILE_LIBRARIES = frozenset({"pyarrow", "duckdb", "_duckdb"})
"""Libraries whose errors, if nobody caught them before, are about a damaged file of the lake."""

app = typer.Typer(
    name="reklake",
    epilog="Exit codes: 0 complete, 3 some scopes failed (their last rows are kept), 1 failed, 2 wrong usage, "
    "4 data checks found rows, 75 another writer has the lake.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, functions in COMMANDS.items():
    for function in functions:
        app.command(rich_help_panel=panel)(function)


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Export every Amazon Rekognition Custom Labels project and model version to Parquet, and query it with DuckDB."""
    if version:
        from pipeline.lake.installed import version as version_of

        typer.echo(f"reklake {version_of('reklake')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(Exit.USAGE)


def main() -> None:
    """Run the command line. An error of a known kind is one message on stderr and an exit code, not a traceback."""
    try:
        try:
            app()
        finally:
            if sys.stdout:
                sys.stdout.flush()  # a full disk or a closed pipe must be noticed here, not at the interpreter's exit
    except BrokenPipeError:
        discard_stdout()
        sys.exit(Exit.COMPLETE)
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise  # a bug: the report of it needs the traceback
        lines = map(printable, str(error).split("\n"))  # names in the message came from AWS, or from a file
        sys.stderr.write(f"reklake: error: {chr(10).join(lines)}\n")
        sys.exit(code)


def _exit_code(error: Exception) -> Exit | None:
    """Return the exit code of an error; None if it is a bug."""
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, BusyError):
        return Exit.BUSY
    # an OSError is about a file that a command reads: permissions, a disk that fails
    is_known = isinstance(error, ReklakeError | OSError) or type(error).__module__.split(".")[0] in FILE_LIBRARIES
    return Exit.FAILED if is_known else None

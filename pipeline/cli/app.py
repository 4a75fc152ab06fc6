"""The `reklake` command as a process: its errors as one line, its exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from pipeline.cli.commands import Commands
from pipeline.cli.exits import Exit
from pipeline.errors import BusyError, ReklakeError, UsageError
from pipeline.lake.installed import version as version_of

FILE_LIBRARIES = frozenset({"pyarrow", "duckdb", "_duckdb"})
"""Libraries whose errors, where they come this far, are about a file of the lake that is damaged."""

app = typer.Typer(
    name="reklake",
    cls=Commands,
    epilog="Exit codes: 0 complete, 3 some scopes failed (their last rows are kept), 1 failed, 2 wrong usage, "
    "4 data checks found rows, 75 another writer has the lake.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Every Amazon Rekognition Custom Labels project and model version, in Parquet, queried through DuckDB."""
    if version:
        typer.echo(f"reklake {version_of('reklake')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(Exit.USAGE)


def command() -> None:
    """Be the command `reklake`: as `main`, but once all is said the process ends at once.

    All files are closed by then. Python would take its modules apart first, a tenth of the time of a short command.
    """
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            _end(ended.code or 0)
        raise
    _end(0)


def _end(code: int) -> None:
    with suppress(OSError, AttributeError):  # nobody reads what it would tell
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Run the command line; an error is one message on stderr and an exit code, never a traceback."""
    try:
        try:
            app()
        finally:
            if sys.stdout:
                sys.stdout.flush()  # here, where a full disk or a closed pipe is still told of
    except UsageError as error:
        sys.exit(_complain(error, Exit.USAGE))
    except BusyError as error:
        sys.exit(_complain(error, Exit.BUSY))
    except ReklakeError as error:
        sys.exit(_complain(error, Exit.FAILED))
    except BrokenPipeError:
        # the reader of our output has gone; leave nothing for the interpreter to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.COMPLETE)
    except OSError as error:  # of files that a command reads: permissions, a disk that fails
        sys.exit(_complain(error, Exit.FAILED))
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in FILE_LIBRARIES:
            raise  # a fault of ours: the traceback is what a report needs
        sys.exit(_complain(error, Exit.FAILED))


def _complain(error: Exception, code: Exit) -> Exit:
    from pipeline.cli.render import printable

    lines = map(printable, str(error).split("\n"))  # names in it came from AWS, or from a file
    sys.stderr.write(f"reklake: error: {chr(10).join(lines)}\n")
    return code

"""The `reklake` command: its commands by family, its errors as one line, its exit codes."""

from __future__ import annotations

import os
import sys
from enum import IntEnum

import typer

from pipeline.cli import emulator, query, runs, tables
from pipeline.errors import ReklakeError, UsageError


class Exit(IntEnum):
    """What the exit codes mean; scripts and cron rely on them. 4 is for data checks (`reklake check`)."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3


app = typer.Typer(
    name="reklake",
    help="Every Amazon Rekognition Custom Labels project and model version, in Parquet, queried through DuckDB.",
    epilog="Exit codes: 0 complete, 3 some scopes failed (their last rows are kept), 1 failed, 2 wrong usage, "
    "4 data checks found rows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command, panel in (
    (runs.sync, "Export"),
    (runs.replay, "Export"),
    (runs.verify, "Export"),
    (query.sql, "Query"),
    (tables.tables, "Query"),
    (query.check, "Query"),
    (emulator.demo, "Try"),
    (emulator.emulator, "Try"),
    (tables.version, "Try"),
):
    app.command(rich_help_panel=panel)(command)


def main() -> None:
    """Run the command line; an error of ours is one line on stderr and an exit code, never a traceback."""
    try:
        app()
    except UsageError as error:
        sys.exit(_complain(error, Exit.USAGE))
    except ReklakeError as error:
        sys.exit(_complain(error, Exit.FAILED))
    except BrokenPipeError:
        # the reader of our output has gone; leave nothing for the interpreter to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.COMPLETE)


def _complain(error: ReklakeError, code: Exit) -> Exit:
    sys.stderr.write(f"reklake: error: {error}\n")
    return code

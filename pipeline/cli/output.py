"""A command's one result, on stdout or in a file: whole or not at all, in the form that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline.cli.render import Format
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.query.result import Result


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Result:
    """Return rows of Python values as a result; a column without any value is text."""
    import pyarrow as pa

    from pipeline.query.result import Result

    columns = [pa.array([row[at] for row in rows]) for at in range(len(names))]
    columns = [column.cast(pa.string()) if pa.types.is_null(column.type) else column for column in columns]
    table = pa.table(columns, names=list(names))
    return Result(table.schema, iter(table.to_batches()))


def write(result: Result, form: Format, *, output: Path | None = None) -> None:
    """Write one result to stdout, or to a file."""
    check(form, output)
    with destination(output) as out:
        render(result, form, out, is_first=True)


def check(form: Format, output: Path | None) -> None:
    """UsageError for a form that a terminal cannot show."""
    if form is Format.parquet and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal: name a file with --output, or redirect stdout")


@contextmanager
def destination(output: Path | None) -> Iterator[IO[bytes] | None]:
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


def render(result: Result, form: Format, out: IO[bytes] | None, *, is_first: bool) -> None:
    """Write one of several results to stdout (None) or to a file, an empty line between them."""
    from pyarrow import ArrowException

    from pipeline.cli.render import write as write_rows

    try:
        if form is Format.table and out is None and sys.stdout.isatty():
            from rich.console import Console

            from pipeline.cli.render import show

            show(result, Console())
            return
        stream = out or sys.stdout.buffer
        if not is_first:
            stream.write(b"\n")
        write_rows(result, form, stream)
    except (ArrowException, OverflowError, ValueError) as error:
        raise UsageError(f"a value cannot be written as {form}: {error}; cast its column to varchar") from error

"""Writes the result of a command to stdout or to a file, whole or not at all, in the form that was asked for."""

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
    from pipeline.query.result import QueryResult


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> QueryResult:
    """Return rows of Python values as a result; a column without any value is text."""
    import pyarrow as pa

    from pipeline.query.result import QueryResult

    columns = [pa.array([row[at] for row in rows]) for at in range(len(names))]
    columns = [column.cast(pa.string()) if pa.types.is_null(column.type) else column for column in columns]
    table = pa.table(columns, names=list(names))
    return QueryResult(table.schema, iter(table.to_batches()))


def write(result: QueryResult, form: Format, *, output: Path | None = None) -> None:
    """Write the only result of a command to stdout, or to a file."""
    check(form, output)
    with destination(output) as out:
        render(result, form, out, is_first=True)


def check(form: Format, output: Path | None) -> None:
    """UsageError for a form that a terminal cannot show."""
    if form is Format.parquet and output is None and sys.stdout.isatty():
        raise UsageError("a terminal cannot show Parquet: name a file with --output, or redirect stdout")


@contextmanager
def to_stdout() -> Iterator[None]:
    """Let a reader of stdout, such as `head`, leave early: the command goes on, and ends with its own exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()


def discard_stdout() -> None:
    """Drop what is left to write once the reader has left; the interpreter would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def destination(output: Path | None) -> Iterator[IO[bytes] | None]:
    """Yield the file to write to, which appears when all is written; None stands for stdout."""
    if output is None:
        with to_stdout():
            yield None
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


def render(result: QueryResult, form: Format, out: IO[bytes] | None, *, is_first: bool) -> None:
    """Write one of several results to stdout (None) or to a file, with an empty line between them."""
    from pyarrow import ArrowException

    from pipeline.cli.render import show
    from pipeline.cli.render import write as write_rows

    try:
        if form is Format.table and out is None and sys.stdout.isatty():
            from rich.console import Console

            show(result, Console())
            return
        stream = out or sys.stdout.buffer
        if not is_first:
            stream.write(b"\n")
        write_rows(result, form, stream)
    except (ArrowException, OverflowError, ValueError) as error:
        raise UsageError(f"a value cannot be written as {form}: {error}; cast its column to varchar") from error

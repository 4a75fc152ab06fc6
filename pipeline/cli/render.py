"""Writes query results as a table for people, CSV, JSON, JSON lines, Markdown or Parquet.

Each writer reads a result as it streams, so memory does not grow with the number of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from pipeline.query.result import QueryResult


class Format(StrEnum):
    """The form of a result; only `table` rounds numbers."""

    table = "table"
    csv = "csv"
    json = "json"
    jsonl = "jsonl"
    markdown = "markdown"
    parquet = "parquet"


BLOCK_ROWS = 1_000
"""Rows over which the column widths of a table are measured; a later block can only widen them."""
GAP = 2
"""Spaces between a table's columns."""
NARROWEST = 12
"""The least width of a folded column on a terminal; if that does not fit, each row is shown as a block."""
ROUND_TO = 6
"""Decimals of a fraction in `table`."""
_EXPLAIN = ["explain_key", "explain_value"]
_CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029)
_REORDERING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
"""Marks that change the direction of text: a name could make the next column read differently."""
_HALVES = range(0xD800, 0xE000)
"""Halves of surrogate pairs: JSON may escape one alone, but no stream can encode it."""
UNPRINTABLE = {code: repr(chr(code))[1:-1] for code in (*_CONTROLS, *_REORDERING, *_HALVES)}
_TO_QUOTE = r'[",\r\n]|^$'


def write(result: QueryResult, form: Format, out: IO[bytes]) -> None:
    """Write a result to a binary stream, as UTF-8 where the form is text."""
    match form:
        case Format.parquet:
            _parquet(result, out)
        case Format.csv:
            _lines(_csv(result), out)
        case Format.json:
            _json(result, out)
        case Format.jsonl:
            _lines(objects(result), out)
        case Format.markdown:
            _lines(_markdown(result), out)
        case Format.table:
            _lines(_plain(result), out)


def show(result: QueryResult, console: Console) -> None:
    """Print a result as a table that fits the terminal, or each row as a block if no table fits."""
    from rich.table import Table
    from rich.text import Text

    names = result.schema.names
    if names == _EXPLAIN:
        for line in _plain(result):
            console.print(Text(line), soft_wrap=True)
        return
    widths: list[int] | None = None
    count = 0
    for block in blocks(result):
        if count == 0:
            widths = fitted(_natural(names, block), console.width)
        if not block:
            console.print(Text((" " * GAP).join(map(printable, names)), style="bold"), soft_wrap=True)
        elif widths is None:
            _show_records(names, block, count, console)
        else:
            view = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=count == 0, header_style="bold")
            for name, width, side in zip(names, widths, _sides(result.schema), strict=True):
                view.add_column(Text(printable(name)), width=width, justify=side, overflow="fold")
            for row in block:
                view.add_row(*(Text(cell) for cell in row))
            console.print(view)
        count += len(block)
    console.print(f"({count:,} row{'' if count == 1 else 's'})", style="dim", highlight=False)


def fitted(natural: Sequence[int], room: int) -> list[int] | None:
    """Return column widths that fit into `room`, narrowing the widest first; None if it is too narrow."""
    widths = list(natural)
    excess = sum(widths) + GAP * len(widths) - room
    while excess > 0:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            return None
        widths[widest] -= 1
        excess -= 1
    return widths


def texts(column: pa.Array) -> pa.Array:
    """Return a column's values as text: bare numbers, true and false, ISO 8601 times, JSON where nested."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return texts(column.dictionary_decode())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([value.as_py() and value.as_py().hex() for value in column], pa.string())
    if pa.types.is_nested(kind) or pa.types.is_interval(kind):
        encode = _encoder().encode
        values = column.to_pylist(maps_as_pydicts="lossy")
        return pa.array([None if value is None else encode(value).decode() for value in values], pa.string())
    cells = pc.cast(column, pa.string())
    if pa.types.is_timestamp(kind):
        cells = pc.replace_substring(cells, " ", "T", max_replacements=1)
        cells = pc.replace_substring_regex(cells, r"\.0+(Z?)$", r"\1")
    return cells


def _parquet(result: QueryResult, out: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(out, result.schema, compression="zstd") as writer:
        for batch in result.batches:
            writer.write_batch(batch)


def _csv(result: QueryResult) -> Iterator[str]:
    """RFC 4180 records: null is an empty field, an empty string is `""`; lines end in a line feed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def quoted(cells: pa.Array) -> pa.Array:
        needed = pc.match_substring_regex(cells, _TO_QUOTE)
        if pc.any(needed).as_py():
            in_quotes = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
            cells = pc.if_else(needed, in_quotes, cells)
        return pc.fill_null(cells, "")

    yield ",".join(quoted(pa.array(result.schema.names, pa.string())).to_pylist())
    for batch in result.batches:
        yield from pc.binary_join_element_wise(*(quoted(texts(column)) for column in batch.columns), ",").to_pylist()


def _json(result: QueryResult, out: IO[bytes]) -> None:
    before = b"["
    for line in objects(result):
        out.write(before + b"\n" + line.encode())
        before = b","
    out.write(b"[]\n" if before == b"[" else b"\n]\n")


def objects(result: QueryResult) -> Iterator[str]:
    """Yield each row as a JSON object: exact numbers, ISO 8601 times; NaN and infinity are null."""
    names = result.schema.names
    encode = _encoder().encode
    for batch in result.batches:
        columns = [_values(column, field) for column, field in zip(batch.columns, result.schema, strict=True)]
        for row in zip(*columns, strict=True):
            yield encode(dict(zip(names, row, strict=True))).decode()


def _values(column: pa.Array, field: pa.Field) -> list[Any]:
    """Return a column's values for JSON: exact numbers, times as ISO text, JSON as it is."""
    import msgspec
    import pyarrow as pa

    kind = column.type
    if field.metadata and b"reklake.type" in field.metadata:
        return [None if value is None else msgspec.Raw(_on_one_line(value)) for value in column.to_pylist()]
    as_text = pa.types.is_temporal(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    values: list[Any] = (texts(column) if as_text else column).to_pylist(maps_as_pydicts="lossy")
    return values


def _on_one_line(text: str) -> bytes:
    """Return JSON unchanged except for line breaks between its tokens, which a JSON line must not have."""
    import msgspec

    has_breaks = "\n" in text or "\r" in text  # inside a JSON string they are written as escapes
    return msgspec.json.format(text.encode(), indent=-1) if has_breaks else text.encode()


def _encoder() -> Any:
    import msgspec

    return msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def _markdown(result: QueryResult) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    def cell(text: str | None) -> str:
        return re.sub(r"\r\n|\r|\n", "<br>", (text or "").replace("|", "\\|"))

    yield line(cell(name) for name in result.schema.names)
    yield line("---:" if side == "right" else "---" for side in _sides(result.schema))
    for batch in result.batches:
        columns = [texts(column).to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield line(map(cell, row))


def _plain(result: QueryResult) -> Iterator[str]:
    """Yield aligned text; the answer of EXPLAIN is aligned already."""
    names = result.schema.names
    if names == _EXPLAIN:
        for batch in result.batches:
            yield from map(printable, "\n".join(batch.column(1).to_pylist()).split("\n"))
        return
    sides = _sides(result.schema)
    header: list[str] | None = [printable(name) for name in names]
    widths = [0] * len(names)
    for block in blocks(result):
        widths = [max(pair) for pair in zip(widths, _natural(names, block), strict=True)]
        if header is not None:
            yield _aligned(header, widths, sides)
            yield _aligned(["-" * width for width in widths], widths, sides)
            header = None
        for row in block:
            yield _aligned(row, widths, sides)


def blocks(result: QueryResult) -> Iterator[list[tuple[str, ...]]]:
    """Yield rows of printable cells, a block at a time; at least one block, which may be empty."""
    empty = True
    for batch in result.batches:
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            columns = [_cells(column) for column in batch.slice(start, BLOCK_ROWS).columns]
            yield list(zip(*columns, strict=True))
            empty = False
    if empty:
        yield []


def _cells(column: pa.Array) -> list[str]:
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_integer(column.type):
        # avoids pyarrow.compute, which takes longer to import than a short query to run
        return ["" if cell is None else printable(str(cell)) for cell in column.to_pylist()]

    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        # F1 scores are float32: 0.9 comes as 0.8999999761581421. Small fractions would round to 0
        is_small = pc.less(pc.abs(column), 10.0 ** (2 - ROUND_TO))
        column = pc.if_else(is_small, column, pc.round(column, ROUND_TO))
    return [printable(text or "") for text in texts(column).to_pylist()]


def printable(text: str) -> str:
    """Return the text on a single line, without characters that move a terminal's cursor or reverse its text."""
    return text.translate(UNPRINTABLE)


def _natural(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return [max(map(cell_len, (printable(name), *column))) for name, column in zip(names, columns, strict=True)]


def _sides(schema: pa.Schema) -> list[Any]:
    import pyarrow as pa

    def is_number(kind: pa.DataType) -> bool:
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

    return ["right" if is_number(field.type) else "left" for field in schema]


def _aligned(cells: Sequence[str], widths: Sequence[int], sides: Sequence[str]) -> str:
    from rich.cells import cell_len

    parts = []
    for cell, width, side in zip(cells, widths, sides, strict=True):
        blank = " " * (width - cell_len(cell))
        parts.append(blank + cell if side == "right" else cell + blank)
    return (" " * GAP).join(parts).rstrip()


def _show_records(names: Sequence[str], rows: Sequence[Sequence[str]], start: int, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(rows, start=start + 1):
        console.rule(Text(f"row {number:,}"), align="left", style="dim")
        view = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
        view.add_column(style="bold", no_wrap=True)
        view.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            view.add_row(Text(printable(name)), Text(cell))
        console.print(view)


def _lines(lines: Iterable[str], out: IO[bytes]) -> None:
    for line in lines:
        out.write(line.encode() + b"\n")

"""The texts of items, in one run of bytes, and where in it the quotes are: enough to compare them with a shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.flatten.response_schema import Answer
from pipeline.flatten.shapes import BEGINS, QUOTE, Indices, Positions, Shape
from pipeline.model.page import RawPage

MOST_BYTES = 1 << 30
"""Texts that are in one run: positions in it are 32 bits."""

ESCAPE = b"\\"

Mask: TypeAlias = npt.NDArray[np.bool_]


class Texts:
    """Texts in one run of bytes, with a quote behind each, and where the quotes are."""

    def __init__(self, texts: Sequence[msgspec.Raw]) -> None:
        self._joined = b'"'.join([*texts, b""])
        lengths = np.fromiter(map(len, texts), np.int32, len(texts))
        self._ends = np.cumsum(lengths + 1, dtype=np.int32) - 1
        self._starts = self._ends - lengths
        self._bytes = np.frombuffer(self._joined, np.uint8)
        self._quotes = np.flatnonzero(self._bytes == QUOTE).astype(np.int32)
        last = np.searchsorted(self._quotes, self._ends)
        self._first = np.zeros_like(last)
        self._first[1:] = last[:-1] + 1
        self.quotes = last - self._first
        """How many quotes each text has."""

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, at: int) -> bytes:
        return self._joined[self._starts[at] : self._ends[at]]

    def bounds(self, shape: Shape, at: Indices) -> tuple[Mask, Positions]:
        """Return which of the texts at these positions are of the shape, and of those, where their parts end and begin.

        The texts have as many quotes as the shape. Bounds have one line a text: its start, the start and end of each
        value, its end.
        """
        first = self._first[at][:, None]
        bounds = np.empty((len(at), 2 * len(shape.after) + 2), np.int32)
        bounds[:, 0], bounds[:, -1] = self._starts[at], self._ends[at]
        bounds[:, 1:-1:2] = self._quotes[first + shape.after] + shape.begin
        bounds[:, 2:-1:2] = self._quotes[first + shape.before] + shape.end
        widths = np.diff(bounds, axis=1)
        # nothing may end before it begins: Arrow would read what is anywhere in memory
        fits = (widths[:, ::2] == shape.widths).all(axis=1) & (widths[:, 1::2] >= 0).all(axis=1)
        bounds = bounds if fits.all() else bounds[fits]
        is_equal = self._is_equal(shape, bounds)
        fits[fits] = is_equal
        return fits, bounds if is_equal.all() else bounds[is_equal]

    def _is_equal(self, shape: Shape, bounds: Positions) -> Mask:
        """Return which of the texts, cut as long as the shape's, are equal to it but for their values."""
        fixed = self.cut(bounds, pa.binary()).take(pa.array(np.arange(0, bounds.size, 2, dtype=np.int32)))
        said = np.frombuffer(fixed.buffers()[2] or b"", np.uint8, len(bounds) * len(shape.fixed))
        is_equal: Mask = (said.reshape(-1, len(shape.fixed)) == shape.fixed).all(axis=1)
        begins: Mask = (BEGINS[self._bytes[bounds[:, 1 + 2 * shape.bare]]] == shape.begins).all(axis=1)
        return np.logical_and(is_equal, begins)

    def values(self, bounds: Positions, numbers: Sequence[int]) -> Iterator[tuple[bytes, ...]]:
        """Yield the values with these numbers, of each of the texts that the bounds are of."""
        of_values = bounds[:, [at for number in numbers for at in (2 * number + 1, 2 * number + 2)]]
        for places in of_values.tolist():
            yield tuple(self._joined[start:end] for start, end in zip(places[::2], places[1::2], strict=True))

    def cut(self, bounds: Positions, kind: pa.DataType) -> pa.Array:
        """Return the bytes from each bound to the next, without a copy of them."""
        buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(self._joined)]
        return pa.Array.from_buffers(kind, max(bounds.size - 1, 0), buffers)


def texts_of(page: RawPage, answer: Answer) -> Sequence[msgspec.Raw]:
    """Return the texts of a page's items; none of a page that is not what it should be."""
    try:
        if not page.body.isascii():
            page.body.decode()
        return page.texts or texts_in(page.body, answer.result_key)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return ()


def without_escapes(page: RawPage, texts: Sequence[msgspec.Raw]) -> Sequence[bool]:
    """Return of each text of a page whether it has no escapes."""
    if ESCAPE not in page.body:
        return [True] * len(texts)
    return [ESCAPE not in bytes(text) for text in texts]


def texts_in(body: bytes | memoryview, result_key: str) -> Sequence[msgspec.Raw]:
    """Return the items that a body lists, as they stand there; msgspec's DecodeError if it is no such page."""
    listed: Sequence[msgspec.Raw] = _decoder(result_key).decode(body).listed
    return listed


@cache
def _decoder(result_key: str) -> msgspec.json.Decoder[Any]:
    field = ("listed", list[msgspec.Raw], msgspec.field(name=result_key))
    return msgspec.json.Decoder(msgspec.defstruct("Page", [field]))

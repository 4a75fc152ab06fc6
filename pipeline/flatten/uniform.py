"""Items of few shapes to columns, a shape at a time: what is fixed is compared, and the values are cut out.

AWS writes its answers by rule: members in one order, spaces and braces where they always are. So the texts of a
thousand versions have a few shapes; in a text of a known shape, each value stands so many bytes behind the how-manieth
quote. To find all quotes, compare what lies between the values and cut these out takes half the time that a JSON
parser needs. Nothing is believed: a text is of a shape if it is equal to it but for its values, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PageError
from pipeline.flatten import validation as plain
from pipeline.flatten.matching import Alike, NotUniformError, match, memory_of
from pipeline.flatten.members import Nested
from pipeline.flatten.response_schema import EXTRA_MEMBER, Answer
from pipeline.flatten.shapes import NOWHERE, Indices, Positions, Undeclared, paths_of
from pipeline.flatten.texts import MOST_BYTES, Mask, Texts, texts_of, without_escapes
from pipeline.flatten.undeclared import Objects, extras
from pipeline.model import Table
from pipeline.model.page import RawPage


@dataclass(frozen=True, slots=True)
class _Extras:
    """What nobody declared in texts of one shape: of each text and, by nested table and row, of each row of each text.

    Rows in which there is nothing of the kind are left out.
    """

    root: Objects | None
    rows: Mapping[str, Mapping[int, Objects]]


class Cut:
    """Columns of items whose values are pieces of texts."""

    def __init__(
        self,
        pieces: pa.Array,
        table: Table,
        numbers: Positions,
        extra: Objects | None,
        lengths: Mapping[str, Positions] | None = None,
    ) -> None:
        """`numbers` has one line an item, in it the number of each member's piece, or NOWHERE."""
        self._pieces = pieces
        self._table = table
        self._kinds = paths_of(table)
        self._numbers = numbers
        self._extra = extra
        self._lengths = lengths or {}
        self._found: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, path: str) -> pa.Array:
        """Return a member's values; ArrowInvalid if one does not fit, KeyError if it is undeclared."""
        if path == EXTRA_MEMBER:
            return pa.nulls(len(self), pa.string()) if self._extra is None else pa.array(self._extra, pa.string())
        if path not in self._found:
            self._found[path] = self._made(path)
        return self._found[path]

    def lengths(self, path: str) -> pa.Array:
        """Return how many items a list has."""
        return pa.array(self._lengths[path])

    def take(self, at: pa.Array) -> Cut:
        """Return the items at some positions; of what was made already, no text is read again."""
        places = at.to_numpy()
        lengths = {path: lengths[places] for path, lengths in self._lengths.items()}
        extra = None if self._extra is None else self._extra[places]
        taken = Cut(self._pieces, self._table, self._numbers[places], extra, lengths)
        taken._found = {path: values.take(at) for path, values in self._found.items()}
        return taken

    def _made(self, path: str) -> pa.Array:
        kind = self._kinds[path]
        numbers = self._numbers[:, list(self._kinds).index(path)]
        missing = numbers == NOWHERE
        if missing.all():
            return pa.nulls(len(numbers), kind)
        texts = self._pieces.take(pa.array(numbers, mask=missing if missing.any() else None))
        return _typed(texts, kind)


def _typed(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return what values mean that stood without quotes, as pyarrow.json has it; ArrowInvalid if one does not fit."""
    if pa.types.is_string(kind):
        return texts
    if pa.types.is_boolean(kind):
        is_true = pc.equal(texts, "true")
        if not pc.all(pc.or_(is_true, pc.equal(texts, "false")), min_count=0).as_py():
            raise pa.ArrowInvalid("a value is neither true nor false")
        return is_true
    return texts.cast(kind)


class Uniform:
    """Items of a few shapes. As reader.Listed, but that there are no problems."""

    problems: tuple[PageError, ...] = ()

    def __init__(self, answer: Answer, texts: Texts, alike: Sequence[Alike], page_index: Indices) -> None:
        """`page_index` tells of each text the page that it stood on, or is NOWHERE where the text does not count.

        ValueError or RecursionError if what is in the place of an undeclared member is not its value.
        """
        counts = page_index != NOWHERE
        self.page_index = pa.array(page_index[counts])
        self._alike = alike
        self._first_piece, self._pieces = _pieces(texts, alike)
        self._at = np.flatnonzero(counts)
        self._extras = [_extras(texts, one) for one in alike]
        self.unknown = sum(one.shape.undeclared_count * int(counts[one.at].sum()) for one in alike)
        extra = np.empty(len(texts), object) if any(one.root is not None for one in self._extras) else None
        numbers = np.full((len(texts), len(paths_of(answer.root))), NOWHERE, np.int32)
        lists = [one.path for table in answer.nested for one in table.items]
        lengths = {path: np.zeros(len(texts), np.int32) for path in lists}
        for one, of_shape in zip(alike, self._extras, strict=True):
            numbers[one.at] = _piece_of(one.shape.values, self._first_piece[one.at])
            if extra is not None:
                extra[one.at] = of_shape.root
            for path, length in one.shape.lengths.items():
                lengths[path][one.at] = length
        self.items = Cut(self._pieces, answer.root, numbers, extra, lengths).take(pa.array(self._at))

    def nested(self, table: Table, order: pa.Array) -> Nested:
        """Return a nested table's rows, of the items at these positions, in that order."""
        order_at = self._at[order.to_numpy()]
        rank = np.full(len(self._first_piece), NOWHERE, np.int32)
        rank[order_at] = np.arange(len(order_at), dtype=np.int32)
        count = np.zeros(len(rank), np.int32)
        for one in self._alike:
            count[one.at] = len(one.shape.rows[table.name].lists)
        ends = np.cumsum(count[order_at], dtype=np.int32)
        total = ends[-1] if len(ends) else 0
        starts = ends - count[order_at]
        numbers = np.empty((total, len(paths_of(table))), np.int32)
        parents, lists, places = np.empty((3, total), np.int32)
        extra = np.empty(total, object) if any(one.rows[table.name] for one in self._extras) else None
        for one, of_shape in zip(self._alike, self._extras, strict=True):
            rows = one.shape.rows[table.name]
            is_kept = rank[one.at] != NOWHERE
            kept = one.at[is_kept]
            at = starts[rank[kept]][:, None] + np.arange(len(rows.lists), dtype=np.int32)
            numbers[at] = _piece_of(rows.values, self._first_piece[kept])
            parents[at], lists[at], places[at] = rank[kept][:, None], rows.lists, rows.places
            if extra is not None:
                for row, said in of_shape.rows[table.name].items():
                    extra[at[:, row]] = said[is_kept]
        return Nested(Cut(self._pieces, table, numbers, extra), pa.array(parents), pa.array(lists), pa.array(places))


def _pieces(texts: Texts, alike: Sequence[Alike]) -> tuple[Positions, pa.Array]:
    """Cut all texts up; returns the number of each text's first piece, and the pieces: every second one is a value."""
    count = np.zeros(len(texts), np.int32)
    for one in alike:
        count[one.at] = one.bounds.shape[1]
    first = np.cumsum(count, dtype=np.int32) - count
    bounds = np.empty(count.sum(), np.int32)
    for one in alike:
        bounds[first[one.at][:, None] + np.arange(one.bounds.shape[1], dtype=np.int32)] = one.bounds
    return first, texts.cut(bounds, pa.string())


def _piece_of(values: Positions, first: Positions) -> Positions:
    """Return which pieces hold the values with these numbers, in texts with these first pieces; NOWHERE stays."""
    return np.where(values == NOWHERE, NOWHERE, first.reshape(-1, *[1] * values.ndim) + 2 * values + 1)


def _extras(texts: Texts, one: Alike) -> _Extras:
    def said(members: Sequence[Undeclared]) -> Objects | None:
        return extras(texts, one.bounds, members) if members else None

    of_rows = {
        name: {row: found for row, members in enumerate(rows.undeclared) if (found := said(members)) is not None}
        for name, rows in one.shape.rows.items()
    }
    return _Extras(said(one.shape.undeclared), of_rows)


def read(pages: Sequence[RawPage], answer: Answer) -> tuple[Uniform | None, list[RawPage]]:
    """Read the items of pages of one operation; returns them, and pages of those that have to be read otherwise.

    Those are items with escapes, and with anything out of the ordinary but members that nobody declared. None if that
    is all of them, or most.
    """
    memory = memory_of(answer.operation)
    if memory.is_passed_over():
        return None, list(pages)
    found = [texts_of(page, answer) for page in pages]
    texts = [text for of_page in found for text in of_page]
    if not texts or sum(map(len, texts)) > MOST_BYTES:
        return None, list(pages)
    page_index = np.repeat(np.arange(len(pages)), [len(of_page) for of_page in found])
    is_cut = np.array(
        [one for page, of_page in zip(pages, found, strict=True) for one in without_escapes(page, of_page)]
    )
    sizes = np.array([*map(len, texts)])
    try:
        _make_sure_of_most(sizes, is_cut)
        at = np.flatnonzero(is_cut)
        alike, unfit = match(joined := Texts([texts[number] for number in at]), memory, answer)
        is_cut[at[unfit]] = False
        _make_sure_of_most(sizes, is_cut)
        uniform = Uniform(answer, joined, alike, np.where(is_cut, page_index, NOWHERE)[at])
        if not _is_plain(uniform, answer):
            return None, list(pages)
    except NotUniformError:
        memory.pass_over()
        return None, list(pages)
    except (ValueError, RecursionError):  # ArrowInvalid is one too
        return None, list(pages)
    return uniform, [*_others(pages, found, is_cut, answer)]


def _make_sure_of_most(sizes: Indices, is_cut: Mask) -> None:
    """NotUniformError if more has to be read otherwise than is cut up."""
    if 2 * sizes[is_cut].sum() < sizes.sum():
        raise NotUniformError


def _others(
    pages: Sequence[RawPage], found: Sequence[Sequence[msgspec.Raw]], is_cut: Mask, answer: Answer
) -> Iterator[RawPage]:
    """Yield pages of the items that are not cut up, by what was found on each page; the page itself if that is all."""
    ends = np.cumsum([len(texts) for texts in found])
    for page, texts, cut in zip(pages, found, np.split(is_cut, ends[:-1]), strict=True):
        if not cut.any():
            yield page
        elif not cut.all():
            left = [text for text, one in zip(texts, cut, strict=True) if not one]
            yield replace(page, body=b'{"%s":[%s]}' % (answer.result_key.encode(), b",".join(left)), texts=())


def _is_plain(uniform: Uniform, answer: Answer) -> bool:
    """Whether the values can be trusted: read as they are, some would be taken that should not be."""
    everything = pa.arange(0, len(uniform.items))
    nested = [table for table in answer.nested if plain.is_looked_at(table)]
    return (
        plain.has_keys(uniform.items[answer.key])
        and plain.is_plain(uniform.items, answer.root)
        and all(plain.is_plain(uniform.nested(table, everything).items, table) for table in nested)
    )

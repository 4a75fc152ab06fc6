"""The shape of an item's text: all of it but its values. Items of one shape differ only in what stands between."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.flatten.response_schema import EXTRA_MEMBER, Answer, ListNode, StructNode
from pipeline.model import Origin, Table

Positions: TypeAlias = npt.NDArray[np.int32]
Indices: TypeAlias = npt.NDArray[np.intp]
QUOTE = ord('"')
NOWHERE = -1
"""Stands for the position of a value that there is not."""
NUMBER, WORD = 1, 2
BEGINS = np.zeros(256, np.uint8)
"""What a value without quotes is that begins with a byte: a number, true or false, or no such thing as is taken."""
BEGINS[list(b"-0123456789")] = NUMBER
BEGINS[list(b"tf")] = WORD
_BARE = re.compile(rb"-?[0-9][-+.0-9eE]*|true|false")
"""A value without quotes, in a text that is JSON."""
_VALUE = re.compile(rb'(":\s*)("[^"]*"|-?[0-9][-+.0-9eE]*|true|false)')
_COLON = re.compile(rb"\s*:\s*")
_DECODER = json.JSONDecoder()


class UnfitError(ValueError):
    """The text has no shape: there is something in it that the columns do not take as it is."""


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A member that nobody declared: the names that lead to it from its row's item, and the number of its value."""

    path: tuple[str, ...]
    value: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The items of a nested table's lists in a text: by list, and by place.

    `values` has one line an item, in it the number of each declared member's value, or NOWHERE. `lists` says which of
    the table's lists, `places` where in it, and `undeclared` what else is in the item.
    """

    values: Positions
    lists: Positions
    places: Positions
    undeclared: Sequence[Sequence[Undeclared]]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the texts of one shape have in common.

    `fixed` are the bytes that are not of a value, in one run; `widths` says how many of them come before, between and
    behind the values. Value `n` begins `begin[n]` bytes behind the text's quote number `after[n]`, and ends `-end[n]`
    bytes before quote number `before[n]`; the quote after the last is the text's end. Values `bare` stand without
    quotes, and `begins` says what they begin with: a number or a word.

    `values` has the number of each declared member's value (see `paths_of`), `rows` tells of each nested table, and
    `lengths` of each list that the texts have. The values of `undeclared` members may be anything; what stands in their
    place in another text still has to be parsed.
    """

    fixed: npt.NDArray[np.uint8]
    widths: Positions
    after: Positions
    begin: Positions
    before: Positions
    end: Positions
    bare: Indices
    begins: npt.NDArray[np.uint8]
    values: Positions
    rows: Mapping[str, Rows]
    lengths: Mapping[str, int]
    undeclared: Sequence[Undeclared]

    @property
    def undeclared_count(self) -> int:
        """How many members nobody declared, those of nested tables' items too."""
        nested = (members for rows in self.rows.values() for members in rows.undeclared)
        return len(self.undeclared) + sum(map(len, nested))


def paths_of(table: Table) -> dict[str, pa.DataType]:
    """Return the members that a table's columns hold, each with the type it is read in; instants as their numbers."""
    kinds = {column.path: column.type for column in table.of(Origin.MEMBER)}
    return {path: pa.float64() if pa.types.is_timestamp(kind) else kind for path, kind in kinds.items()}


def outline(text: bytes) -> bytes:
    """Return the text without its values: texts with equal outlines hardly ever are of different shapes."""
    return _VALUE.sub(rb"\1", text)


def learn(text: bytes, answer: Answer) -> Shape:
    """Learn the shape of a text, which is JSON and has no escapes; UnfitError if it has none.

    It has none if there are members in it twice, or values that are no such thing as their columns hold, or if the
    member is not there that tells the item from others.
    """
    try:
        item = json.loads(text, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number)
        walk = _Walk(text)
        walk.go(item, answer.shape, walk.root)
    except (ValueError, RecursionError) as error:
        raise UnfitError(str(error)) from error
    if answer.key not in walk.root.values:
        raise UnfitError(answer.key)
    return walk.shape(answer)


class _Object(list[tuple[str, Any]]):
    """A JSON object: its members in their order, those too that are there twice."""


class _Number(str):
    """A JSON number, as it stands there."""

    __slots__ = ()


@dataclass(slots=True)
class _Row:
    """What a row's item holds: the numbers of the values that columns hold, by path, and what nobody declared."""

    values: dict[str, int] = field(default_factory=dict)
    undeclared: list[Undeclared] = field(default_factory=list)


class _Walk:
    """Goes through what a text says and through its quotes, which come in the same order."""

    def __init__(self, text: bytes) -> None:
        self.root = _Row()
        self._text = text
        self._quotes = [*(place for place, byte in enumerate(text) if byte == QUOTE), len(text)]
        self._at = 0
        """The number of the next quote."""
        self._found: list[tuple[int, int, int, int]] = []
        self._bare: dict[int, int] = {}
        self._rows: list[tuple[str, int, _Row]] = []
        self._lengths: dict[str, int] = {}

    def go(self, value: Any, node: StructNode | ListNode | pa.DataType, row: _Row, path: str = "") -> None:
        """Go through one value; what columns hold is noted in `row`, by paths below the item that it is."""
        if value is None:
            return
        if isinstance(node, dict):
            self._members(value, node, row, path)
        elif isinstance(node, ListNode):
            self._items(value, node, path)
        elif isinstance(value, str) and not isinstance(value, _Number) and pa.types.is_string(node):
            row.values[path] = self._note(self._at, 1, self._at + 1, 0)
            self._at += 2
        elif _is_bare(value, node):
            row.values[path] = self._note_bare()
            self._bare[row.values[path]] = WORD if isinstance(value, bool) else NUMBER
        else:
            raise UnfitError(path)

    def _members(self, value: Any, node: StructNode, row: _Row, path: str) -> None:
        if not isinstance(value, _Object):
            raise UnfitError(path)
        seen = {EXTRA_MEMBER}
        for name, member in value:
            if name in seen:
                raise UnfitError(f"{path}.{name}")
            seen.add(name)
            self._at += 2  # the name has quotes too
            if name in node:
                self.go(member, node[name], row, f"{path}.{name}" if path else name)
            else:
                names = (*path.split("."), name) if path else (name,)
                row.undeclared.append(Undeclared(names, self._note_whole(member)))

    def _items(self, value: Any, node: ListNode, path: str) -> None:
        is_list = isinstance(value, list) and not isinstance(value, _Object)
        if not is_list or not all(isinstance(item, _Object) for item in value):
            raise UnfitError(path)
        self._lengths[path] = len(value)
        for place, item in enumerate(value):
            row = _Row()
            self._rows.append((path, place, row))
            self.go(item, node.item, row)

    def _note_bare(self) -> int:
        """Note a value without quotes: nothing else can stand between its name and the next quote."""
        start, stop = self._quotes[self._at - 1], self._quotes[self._at]
        found = _BARE.search(self._text, start, stop)
        if not found:
            raise UnfitError(self._text[start:stop].decode())
        return self._note(self._at - 1, found.start() - start, self._at, found.end() - stop)

    def _note_whole(self, value: Any) -> int:
        """Note whatever a name stands for, from its first byte to its last."""
        after = self._at - 1
        self._at += _quotes_in(value)
        start = _COLON.match(self._text, self._quotes[after] + 1).end()  # type: ignore[union-attr]  # it is JSON
        # every byte as a character: those that are no ASCII stand between quotes, and mean nothing here
        _, end = _DECODER.raw_decode(self._text.decode("latin-1"), start)
        return self._note(after, start - self._quotes[after], self._at, end - self._quotes[self._at])

    def _note(self, after: int, begin: int, before: int, end: int) -> int:
        self._found.append((after, begin, before, end))
        return len(self._found) - 1

    def shape(self, answer: Answer) -> Shape:
        """Return what was found."""
        after, begin, before, end = np.array(self._found, np.int32).reshape(-1, 4).T.copy()
        quotes = np.array(self._quotes, np.int32)
        bounds = np.zeros(2 * len(after) + 2, np.int32)
        bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = quotes[after] + begin, quotes[before] + end, len(self._text)
        fixed = b"".join(self._text[first:last] for first, last in bounds.reshape(-1, 2).tolist())
        return Shape(
            fixed=np.frombuffer(fixed, np.uint8),
            widths=np.diff(bounds)[::2],
            after=after,
            begin=begin,
            before=before,
            end=end,
            bare=np.array([*self._bare], np.intp),
            begins=np.array([*self._bare.values()], np.uint8),
            values=_numbers([self.root.values], answer.root)[0],
            rows={table.name: self._rows_of(table) for table in answer.nested},
            lengths=self._lengths,
            undeclared=self.root.undeclared,
        )

    def _rows_of(self, table: Table) -> Rows:
        number_of = {one.path: number for number, one in enumerate(table.items)}
        rows = sorted(
            ((number_of[path], place, row) for path, place, row in self._rows if path in number_of),
            key=lambda row: row[:2],
        )
        return Rows(
            values=_numbers([row.values for _, _, row in rows], table),
            lists=np.array([number for number, _, _ in rows], np.int32),
            places=np.array([place for _, place, _ in rows], np.int32),
            undeclared=[row.undeclared for _, _, row in rows],
        )


def _numbers(rows: Iterable[Mapping[str, int]], table: Table) -> Positions:
    paths = paths_of(table)
    return np.array([[row.get(path, NOWHERE) for path in paths] for row in rows], np.int32).reshape(-1, len(paths))


def _quotes_in(value: Any) -> int:
    """Return how many quotes the text of a value has."""
    if isinstance(value, _Object):
        return sum(2 + _quotes_in(member) for _, member in value)
    if isinstance(value, list):
        return sum(map(_quotes_in, value))
    return 2 if isinstance(value, str) and not isinstance(value, _Number) else 0


def _is_bare(value: Any, kind: pa.DataType) -> bool:
    """Whether a value stands without quotes, as its type has it; whether a number fits is not looked at."""
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    return isinstance(value, _Number) and not pa.types.is_string(kind)

"""Members of items by their dotted paths, as arrays: what the tables are made of, however the items were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc


class Columns(Protocol):
    """Some items, and each declared member of theirs as an array with one value an item."""

    def __len__(self) -> int:
        """Return how many items there are."""

    def __getitem__(self, path: str) -> pa.Array:
        """Return a member of each item, null where the item or an object on the path has none; KeyError if undeclared.

        Instants are numbers of epoch seconds, as in JSON.
        """

    def lengths(self, path: str) -> pa.Array:
        """Return how many items a list in each item has: 0 where there is none."""

    def take(self, at: pa.Array) -> Columns:
        """Return the items at some positions, in their order."""


@dataclass(frozen=True, slots=True)
class Nested:
    """The items of a table's lists, ordered by the description they stand in, by list, and by place.

    `parents` are the descriptions' positions, `lists` says which of the table's lists, `places` where in it, 0-based:
    whole numbers, one an item.
    """

    items: Columns
    parents: pa.Array
    lists: pa.Array
    places: pa.Array


class Taken:
    """Other columns at some positions, in their order."""

    def __init__(self, columns: Columns, at: pa.Array) -> None:
        self._columns = columns
        self._at = at
        self._found: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, path: str) -> pa.Array:
        """Return the values at the positions."""
        if path not in self._found:
            self._found[path] = self._columns[path].take(self._at)
        return self._found[path]

    def lengths(self, path: str) -> pa.Array:
        """Return the lists' lengths at the positions."""
        return self._columns.lengths(path).take(self._at)

    def take(self, at: pa.Array) -> Columns:
        """Return those at some of the positions."""
        return Taken(self, at)


class Members:
    """The members of an array of structs, nested ones too: each struct is taken apart once."""

    def __init__(self, items: pa.StructArray) -> None:
        self.items = items
        self._found: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, path: str) -> pa.Array:
        """Return a member, as Columns does; lists too.

        `pyarrow.compute.struct_field` does the same, but looks at all that is nested in an item at every call.
        """
        if path not in self._found:
            parent, _, _ = path.rpartition(".")
            holder = self[parent] if parent else self.items
            for field, values in zip(holder.type, holder.flatten(), strict=True):
                self._found[f"{parent}.{field.name}" if parent else field.name] = values
        return self._found[path]

    def lengths(self, path: str) -> pa.Array:
        """Return the lists' lengths."""
        return pc.fill_null(pc.list_value_length(self[path]), 0)

    def take(self, at: pa.Array) -> Columns:
        """Return the items at some positions."""
        return Taken(self, at)

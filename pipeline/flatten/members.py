"""Members of JSON items by their dotted paths, as Arrow arrays. The columns of the tables are made of them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


class Members:
    """The members of an array of structs, nested ones too. Each struct is flattened once."""

    def __init__(self, items: pa.StructArray) -> None:
        self.items = items
        self._found: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, path: str) -> pa.Array:
        """Return a member of each item, null where the item or an object on the path has none.

        Instants are epoch seconds, as in JSON. KeyError if the path is not declared.
        `pyarrow.compute.struct_field` does the same, but visits everything that is nested in an item at every call.
        """
        if path not in self._found:
            parent, _, _ = path.rpartition(".")
            holder = self[parent] if parent else self.items
            for field, values in zip(holder.type, holder.flatten(), strict=True):
                self._found[f"{parent}.{field.name}" if parent else field.name] = values
        return self._found[path]

    def lengths(self, path: str) -> pa.Array:
        """Return the length of a list in each item, 0 where there is none."""
        return pc.fill_null(pc.list_value_length(self[path]), 0)

    def take(self, at: pa.Array) -> Members:
        """Return the items at these positions, in the order of the positions."""
        return Members(self.items.take(at))


@dataclass(frozen=True, slots=True)
class NestedItems:
    """The items of lists inside descriptions, in order: by description, then by list, then by place in the list.

    For each item, `parents` has the position of its description, `lists` the number of its list (the place of the
    list's path in `paths`) and `places` its 0-based place there, all int64.
    """

    items: Members
    parents: pa.Array
    lists: pa.Array
    places: pa.Array


def nested_items(descriptions: Members, paths: tuple[str, ...]) -> NestedItems:
    """Return the items of the lists at these paths, of all descriptions."""
    items, parents, lists, places = [], [], [], []
    for number, path in enumerate(paths):
        column = descriptions[path]
        parent = pc.cast(pc.list_parent_indices(column), pa.int64())
        lengths = pc.cast(descriptions.lengths(path), pa.int64())
        starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
        items.append(column.flatten())
        parents.append(parent)
        lists.append(pa.repeat(pa.scalar(number, pa.int64()), len(parent)))
        places.append(pc.subtract(pa.arange(0, len(parent)), starts.take(parent)))
    parent, number = pa.concat_arrays(parents), pa.concat_arrays(lists)
    # the sort is stable, so the items of one list keep their order
    order = pc.sort_indices(pc.add(pc.multiply(parent, len(paths)), number))
    return NestedItems(
        items=Members(pa.concat_arrays(items).take(order)),
        parents=parent.take(order),
        lists=number.take(order),
        places=pa.concat_arrays(places).take(order),
    )

"""Members of structs by their dotted paths, as arrays: each struct is taken apart once."""

from __future__ import annotations

import pyarrow as pa


class Members:
    """The members of an array of structs, nested ones too."""

    def __init__(self, items: pa.StructArray) -> None:
        self.items = items
        self._found: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, path: str) -> pa.Array:
        """Return a member of each item, null where the item or an object on the path has none; KeyError if undeclared.

        `pyarrow.compute.struct_field` does the same, but looks at all that is nested in an item at every call.
        """
        if path not in self._found:
            parent, _, _ = path.rpartition(".")
            holder = self[parent] if parent else self.items
            for field, values in zip(holder.type, holder.flatten(), strict=True):
                self._found[f"{parent}.{field.name}" if parent else field.name] = values
        return self._found[path]

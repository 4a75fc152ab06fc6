"""Rows in key order, each key once: what every table promises."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc


def in_key_order(rows: pa.Table, key: Sequence[str]) -> pa.Array:
    """Return the indices that put rows in key order, of equal keys only the last one's."""
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in key])  # stable, so the last stays last
    if len(order) < 2:  # noqa: PLR2004  # a row alone has no neighbour
        return order
    ranked = [rows.column(name).take(order) for name in key]
    differs = reduce(pc.or_, (pc.not_equal(column[:-1], column[1:]) for column in ranked))
    return order.filter(pa.concat_arrays([*_chunks(differs), pa.array([True])]))


def _chunks(values: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]

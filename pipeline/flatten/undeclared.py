"""Members that nobody declared, of items that are cut up: as the JSON text that `extra` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.flatten import lenient_json as tolerant
from pipeline.flatten.shapes import Positions, Undeclared
from pipeline.flatten.texts import Texts

Objects: TypeAlias = npt.NDArray[np.object_]
"""Texts, or None."""


def extras(texts: Texts, bounds: Positions, members: Sequence[Undeclared]) -> Objects:
    """Return what these members of each text come to, as the careful way writes it.

    ValueError or RecursionError if what stands in the place of a member is not its value, and nothing more.
    """
    known: dict[tuple[bytes, ...], str] = {}
    found = np.empty(len(bounds), object)
    for at, values in enumerate(texts.values(bounds, [member.value for member in members])):
        if values not in known:
            known[values] = _extra(members, values)
        found[at] = known[values]
    return found


def _extra(members: Sequence[Undeclared], values: Sequence[bytes]) -> str:
    extra: dict[str, Any] = {}
    for member, value in zip(members, values, strict=True):
        holder = extra
        for name in member.path[:-1]:
            holder = holder.setdefault(name, {})
        holder[member.path[-1]] = tolerant.parsed(value)
    return tolerant.dumped(extra)

"""However descriptions are written, those of few shapes come out as the JSON reader alone would have them."""

from __future__ import annotations

import copy
import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flatten import Flat, flatten, matching, uniform
from pipeline.model.operations import RESULT_KEYS
from tests.property.answers import KEYS, listings
from tests.property.test_flatten import OPERATIONS, SCOPE, pages, slow

NUMBERS = (0, 1, -1, 1.5, 2**40, 1690556751.958, 1e-7, 2**63 - 1, None)
NEWS = (None, True, 1, 1.5, 2**70, "x", "", [], {}, [1, None], [[], "a"], {"a": {"b": [True]}}, {"": "ä"})
"""Values of members that nobody declared."""


def novel(draw: st.DrawFn, value: Any) -> Any:
    """The value, with a member here and there that nobody declared."""
    if isinstance(value, list):
        return [novel(draw, member) for member in value]
    if not isinstance(value, dict):
        return value
    made = {name: novel(draw, member) for name, member in value.items()}
    if draw(st.integers(0, 3)) == 0:
        made[draw(st.sampled_from(["Novelty", "a.b", "ä", ""]))] = copy.deepcopy(draw(st.sampled_from(NEWS)))
    return made


def alike(draw: st.DrawFn, value: Any, number: int) -> Any:
    """Another value of the same kind, for most; names stay, and so mostly does the shape."""
    if isinstance(value, dict):
        return {name: alike(draw, member, number) for name, member in value.items()}
    if isinstance(value, list):
        return [alike(draw, member, number) for member in value]
    if isinstance(value, bool):
        return draw(st.booleans())
    if isinstance(value, str):
        return draw(st.sampled_from(["", "a, b", "{}: [1]", "ä", "null", "5", f"{value.isascii()}"]))
    return draw(st.sampled_from(NUMBERS)) if isinstance(value, int | float) else value


@st.composite
def families(draw: st.DrawFn, operation: str) -> list[bytes]:
    """Pages of some descriptions and of many that are like them, each with a key of its own."""
    described = draw(listings(operation, odd=False))
    if draw(st.booleans()):
        described = [novel(draw, one) for one in described]
    made = list(described)
    for one in described:
        for number in range(draw(st.integers(0, 6))):
            other = alike(draw, copy.deepcopy(one), number)
            key = next(name for name in one if name in KEYS)
            other[key] = f"{one[key]}/{number}"
            for place, dataset in enumerate(other.get("Datasets") or []):
                dataset["DatasetArn"] = f"{other[key]}/dataset/{place}"
            made.append(other)
    shuffled = draw(st.permutations(made))
    cut = draw(st.integers(0, len(shuffled)))
    key = RESULT_KEYS[operation]
    ascii_only = draw(st.booleans())
    separators = draw(st.sampled_from([None, (",", ":")]))
    return [
        json.dumps({key: detail}, ensure_ascii=ascii_only, separators=separators).encode()
        for detail in (shuffled[:cut], shuffled[cut:])
    ]


def told(flat: Flat) -> tuple[Any, ...]:
    return flat.tables, flat.unknown, [str(problem) for problem in flat.problems]


@pytest.mark.parametrize("operation", OPERATIONS)
@slow
@given(data=st.data())
def test_cutting_texts_up_gives_what_reading_them_gives(operation: str, data: st.DataObject):
    sent = pages(operation, data.draw(families(operation)))
    matching.memory_of.cache_clear()
    flat = flatten(operation, SCOPE, sent)
    with patch.object(uniform, "read", lambda pages, _: (None, list(pages))):
        assert told(flatten(operation, SCOPE, sent)) == told(flat)
    assert told(flatten(operation, SCOPE, sent)) == told(flat)  # with shapes that are known by now

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from pipeline.settings.positions import lines


def paths(value: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every key of a parsed document, but for those within arrays."""
    found = set()
    for name, inner in value.items():
        found.add((*above, name))
        if isinstance(inner, dict):
            found |= paths(inner, (*above, name))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("lake = 1", {("lake",): 1}),
        ("# lake = 2\n\nlake = 1  # rate\nrate = 2", {("lake",): 3, ("rate",): 4}),
        (
            "[aws]\nrate = 1\n[prices]\nrate = 2",
            {("aws",): 1, ("aws", "rate"): 2, ("prices",): 3, ("prices", "rate"): 4},
        ),
        ("\naws.rate = 1\n aws . role = 'x'", {("aws", "rate"): 2, ("aws", "role"): 3}),
        ('"aws".\'rate\' = 1\n"a\\u0062" = 2', {("aws", "rate"): 1, ("ab",): 2}),
        ('[ "aws" ]  # here\r\n\r\nrate = 1\r\n', {("aws",): 1, ("aws", "rate"): 3}),
        (
            "aws = { rate = 1, with = ['}', \"]\"], x = {y = 2} }\nlake = 1",
            {
                ("aws",): 1,
                ("aws", "rate"): 1,
                ("aws", "with"): 1,
                ("aws", "x"): 1,
                ("aws", "x", "y"): 1,
                ("lake",): 2,
            },
        ),
        ("regions = [\n  'a', # ] rate = 3\n  \"b]\",\n]\nrate = 1", {("regions",): 1, ("rate",): 5}),
        ('a = """\nrate = 1\n"" \\""" "" end"""""\nrate = 2', {("a",): 1, ("rate",): 4}),
        ("a = '''\nrate = 1\\\n'''''\nrate = 2", {("a",): 1, ("rate",): 4}),
        (
            "a = [{b = 1},\n [2, {c = 3}]]\n[[d]]\ne = 1\n[[d]]\nf = 2",
            {
                ("a",): 1,
                ("d",): 3,
                ("d", "e"): 4,
                ("d", "f"): 6,
            },
        ),
        ("a = 1979-05-27 07:32:00\nb = inf\nc = true", {("a",): 1, ("b",): 2, ("c",): 3}),
    ],
)
def test_each_key_has_its_line(text: str, expected: dict[tuple[str, ...], int]):
    parsed = tomllib.loads(text)
    assert lines(text) == expected
    assert {path for path in paths(parsed) if path[:1] != ("aws",) or len(path) > 1} <= lines(text).keys()


def test_what_cannot_be_followed_is_left_out():
    assert lines("lake = 1\n=") == {("lake",): 1}
    assert lines("a = [1\n b = 2") == {("a",): 1}

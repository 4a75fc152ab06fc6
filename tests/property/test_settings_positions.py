"""Whatever values stand between them, each key of a TOML text is found on its line."""

from __future__ import annotations

import json
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings.positions import lines

TEXT = st.text(st.sampled_from("ab =[]{}#,.\"'\\\n\u00e4"), max_size=8)
BETWEEN = st.sampled_from(["", " ", "\n", "\n\n", " # x = 1 ]\n", "\t"])


def basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def multiline(text: str) -> str:
    return '"""\n' + text.replace("\\", "\\\\").replace('"""', '""\\"') + '\\n"""'


def literal(text: str) -> str:
    return "'" + text.replace("'", "").replace("\n", "") + "'"


def long_literal(text: str) -> str:
    return "'''" + text.replace("'", "") + "'''"


@st.composite
def array(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    return "[" + ",".join(draw(BETWEEN) + draw(items) + draw(BETWEEN) for _ in range(draw(st.integers(0, 3)))) + "]"


@st.composite
def inline(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    return "{" + ", ".join(f"in{number} = {draw(items)}" for number in range(draw(st.integers(0, 3)))) + "}"


SCALARS = st.one_of(
    st.sampled_from(["1", "-0.5", "inf", "true", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00"]),
    TEXT.map(basic),
    TEXT.map(multiline),
    TEXT.map(literal),
    TEXT.map(long_literal),
)
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(array(inner), inline(inner)), max_leaves=6)
HEADS = st.sampled_from(["key{}", " 'key{}'", '"key{}" ', "[table{0}]\nkey{0}", "[ 'table{0}' ] # x = 2\n\nkey{0}"])


@given(st.lists(st.tuples(BETWEEN, HEADS, VALUES), max_size=6))
def test_each_key_is_found_on_its_line(statements: list[tuple[str, str, str]]):
    text, table, expected = "", (), {}
    for number, (before, head, value) in enumerate(statements):
        text += before + head.format(number)
        table = (f"table{number}",) if "[" in head else table
        expected[*table, f"key{number}"] = text.count("\n") + 1
        text += f" = {value} # end\n"
    tomllib.loads(text)
    found = lines(text)
    assert {path: found.get(path) for path in expected} == expected

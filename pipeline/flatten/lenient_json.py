"""The lenient reader: members that fit the declared shape stay, all others go to `extra`.

The fast reader rejects a whole batch for a single odd value or undeclared member. This module rewrites such pages into
pages that the fast reader accepts, so there is only one way from JSON to columns.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.flatten.response_schema import EXTRA_MEMBER, Answer, ListNode, StructNode

MIN_SECONDS = -62_135_596_800
MAX_SECONDS = 253_402_300_799
"""Year 1 to year 9999: instants that Python, Arrow and DuckDB can all show."""

_NOTHING = object()


class UnreadableError(ValueError):
    """The body is not a JSON answer of the expected kind; the message says how."""


@dataclass(slots=True)
class CleanPage:
    """A page rewritten so that the fast reader accepts it.

    `body` holds only declared members and EXTRA_MEMBER. `unknown` counts the members moved to extra. `problems` has a
    sentence for each item that had to be left out.
    """

    body: bytes
    unknown: int = 0
    problems: list[str] = field(default_factory=list)


def clean(body: bytes, answer: Answer) -> CleanPage:
    """Rewrite a page; UnreadableError if it is no answer of this operation."""
    listed = decode(body, answer)
    page = CleanPage(b"")
    items = []
    for index, item in enumerate(listed):
        if not _has_key(item, answer.key):
            page.problems.append(f"item {index} of {answer.result_key} has no {answer.key}")
            continue
        items.append(split_item(item, answer.shape, page))
    page.body = to_json({answer.result_key: items}).encode()
    return page


def decode(body: bytes, answer: Answer) -> list[Any]:
    """Parse a page into its list of items, numbers exact; UnreadableError if there is no such list."""
    listed = result(body, answer.result_key)
    if not isinstance(listed, list):
        raise UnreadableError(f"{answer.result_key} is {kind_of(listed)}, not a list")
    return listed


def result(body: bytes, result_key: str) -> Any:
    """Parse a page and return what its result key holds; UnreadableError if it is no such page.

    A number beyond the range of double becomes its text. If a member stands twice, the last counts, as in botocore.
    """
    try:
        page = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"the body is not JSON in UTF-8: {error}") from error
    if not isinstance(page, dict):
        raise UnreadableError(f"the body is {kind_of(page)}, not a JSON object")
    if result_key not in page:
        raise UnreadableError(f"the body has no {result_key}")
    return page[result_key]


def parse_json(text: bytes) -> Any:
    """Parse JSON; ValueError or RecursionError if it is none."""
    return _DECODER.decode(text.decode("utf-8"))


def fitting_value(value: Any, kind: pa.DataType) -> Any:  # noqa: PLR0911  # one return a type
    """Return the value as its declared type holds it without loss; _NOTHING if it cannot."""
    if pa.types.is_string(kind):
        return value if isinstance(value, str) and is_utf8(value) else _NOTHING
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else _NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NOTHING
    if pa.types.is_timestamp(kind):
        return value if MIN_SECONDS <= value <= MAX_SECONDS else _NOTHING
    if pa.types.is_integer(kind):
        return int(value) if value == int(value) and -(2**63) <= value < 2**63 else _NOTHING
    if isinstance(value, float):
        return value
    return float(value) if abs(value) <= 2**1023 and float(value) == value else _NOTHING


def split_item(item: Any, shape: StructNode, page: CleanPage) -> dict[str, Any]:
    """Return a row's item with its declared members; the others become JSON text in EXTRA_MEMBER."""
    kept, rest = _split(item, shape, page)
    row: dict[str, Any] = kept if isinstance(kept, dict) else {}
    if rest is not _NOTHING:
        row[EXTRA_MEMBER] = to_json(rest)
    return row


def _split(value: Any, node: StructNode | ListNode | pa.DataType, page: CleanPage) -> tuple[Any, Any]:
    """Return what fits the declared shape (or None) and what does not (or _NOTHING)."""
    if value is None:
        return None, _NOTHING
    if isinstance(node, dict):
        return _split_object(value, node, page) if isinstance(value, dict) else _misfit(value, page)
    if isinstance(node, ListNode):
        return _split_list(value, node, page) if isinstance(value, list) else _misfit(value, page)
    fitting = fitting_value(value, node)
    return _misfit(value, page) if fitting is _NOTHING else (fitting, _NOTHING)


def _split_object(value: dict[str, Any], node: StructNode, page: CleanPage) -> tuple[Any, Any]:
    kept, rest = {}, {}
    for name, member in value.items():
        if name not in node or name == EXTRA_MEMBER:
            page.unknown += 1
            rest[name] = member
            continue
        fitting, misfit = _split(member, node[name], page)
        if fitting is not None:
            kept[name] = fitting
        if misfit is not _NOTHING:
            rest[name] = misfit
    return kept, rest or _NOTHING


def _split_list(value: list[Any], node: ListNode, page: CleanPage) -> tuple[Any, Any]:
    """Split the items of a nested list. Items without a key of their own stay in the parent's extra."""
    if node.key is None:
        return [split_item(item, node.item, page) for item in value], _NOTHING
    kept: list[Any] = []
    rest: list[Any] = []
    seen: set[str] = set()
    for item in value:
        if _has_key(item, node.key) and item[node.key] not in seen:
            seen.add(item[node.key])
            kept.append(split_item(item, node.item, page))
        else:
            page.unknown += 1
            rest.append(item)
    return kept, rest or _NOTHING


def _has_key(item: Any, key: str) -> bool:
    return isinstance(item, dict) and isinstance(item.get(key), str) and bool(item[key]) and is_utf8(item[key])


def _misfit(value: Any, page: CleanPage) -> tuple[Any, Any]:
    page.unknown += 1
    return None, value


def to_json(value: Any) -> str:
    """Write JSON that is valid UTF-8. Only strings that are no valid Unicode are escaped."""
    text = _ENCODER.encode(value)
    return text if is_utf8(text) else _ASCII_ENCODER.encode(value)


def is_utf8(text: str) -> bool:
    """Whether the text is valid Unicode. JSON can hold lone surrogates, which stand for no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _reject_constant(name: str) -> Any:
    raise UnreadableError(f"the body holds {name}, which is not JSON")


_DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_reject_constant)
_ENCODER, _ASCII_ENCODER = (
    json.JSONEncoder(ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False) for ascii_only in (False, True)
)


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value, for messages."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")

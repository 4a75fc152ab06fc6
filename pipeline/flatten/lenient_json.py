"""The careful way to read one page: what fits the declared shape stays, everything else goes to `extra`.

The fast reader rejects a whole batch for one odd value, and drops members that nobody declared. This module
takes such pages one at a time and rewrites them into pages the fast reader accepts, so that there is only one
way from JSON to columns.
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
"""Year 1 to year 9999: what calendars of readers (Python's, Arrow's, DuckDB's) agree on."""

_NOTHING = object()


class UnreadableError(ValueError):
    """The body is not a JSON answer of the expected kind; the message says how."""


@dataclass(slots=True)
class CleanPage:
    """A page rewritten so that the fast reader accepts it.

    `body` holds only declared members and EXTRA_MEMBER; `unknown` counts the members moved to extra; `problems`
    says what had to be left out, a sentence each.
    """

    body: bytes
    unknown: int = 0
    problems: list[str] = field(default_factory=list)


def clean(body: bytes, answer: Answer) -> CleanPage:
    """Rewrite a page; UnreadableError if it is no answer of this operation at all."""
    listed = decode(body, answer)
    page = CleanPage(b"")
    items = []
    for index, item in enumerate(listed):
        if not _has_key(item, answer.key):
            page.problems.append(f"item {index} of {answer.result_key} has no {answer.key}")
            continue
        items.append(split_item(item, answer.shape, page))
    page.body = dumped({answer.result_key: items}).encode()
    return page


def decode(body: bytes, answer: Answer) -> list[Any]:
    """Parse a page into its list of items, numbers exact; UnreadableError if there is no such list."""
    listed = result(body, answer.result_key)
    if not isinstance(listed, list):
        raise UnreadableError(f"{answer.result_key} is {kind_of(listed)}, not a list")
    return listed


def result(body: bytes, result_key: str) -> Any:
    """Parse a page and return what its result key holds; UnreadableError if it is no such page.

    A number beyond the range of double stays as its text. Of a member given twice the last counts, as in botocore.
    """
    try:
        page = parsed(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"the body is not JSON in UTF-8: {error}") from error
    if not isinstance(page, dict):
        raise UnreadableError(f"the body is {kind_of(page)}, not a JSON object")
    if result_key not in page:
        raise UnreadableError(f"the body has no {result_key}")
    return page[result_key]


def parsed(text: bytes) -> Any:
    """Parse JSON, numbers exact; ValueError or RecursionError if it is none."""
    return _DECODER.decode(text.decode("utf-8"))


def fits(value: Any, kind: pa.DataType) -> Any:  # noqa: PLR0911  # one return a type
    """Return the value as its declared type holds it without loss, or the marker that it does not."""
    if pa.types.is_string(kind):
        return value if isinstance(value, str) and is_utf8(value) else _NOTHING
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else _NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NOTHING
    if pa.types.is_timestamp(kind):
        return value if MIN_SECONDS <= value <= MAX_SECONDS else _NOTHING
    if pa.types.is_integer(kind):
        low, high = (-(2**63), 2**63 - 1) if pa.types.is_signed_integer(kind) else (0, 2**64 - 1)
        return int(value) if value == int(value) and low <= value <= high else _NOTHING
    if isinstance(value, float):
        return value
    return float(value) if abs(value) <= 2**1023 and float(value) == value else _NOTHING


def split_item(item: Any, shape: StructNode, page: CleanPage) -> dict[str, Any]:
    """Split a row's item; what is undeclared becomes JSON text in EXTRA_MEMBER."""
    kept, rest = _split(item, shape, page)
    row: dict[str, Any] = kept if isinstance(kept, dict) else {}
    if rest is not _NOTHING:
        row[EXTRA_MEMBER] = dumped(rest)
    return row


def _split(value: Any, node: StructNode | ListNode | pa.DataType, page: CleanPage) -> tuple[Any, Any]:
    """Return (what fits, what does not): either may be missing."""
    if value is None:
        return None, _NOTHING
    if isinstance(node, dict):
        return _split_object(value, node, page) if isinstance(value, dict) else _misfit(value, page)
    if isinstance(node, ListNode):
        return _split_list(value, node, page) if isinstance(value, list) else _misfit(value, page)
    fitting = fits(value, node)
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
    """Split the items of a nested list; those that their table's key cannot hold stay with the parent."""
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


def dumped(value: Any) -> str:
    """Write JSON that is valid UTF-8: readable text, escapes only where a string is no valid Unicode."""
    text = _ENCODER.encode(value)
    return text if is_utf8(text) else _ASCII_ENCODER.encode(value)


def is_utf8(text: str) -> bool:
    """Whether the text is valid Unicode: half surrogates can be written in JSON, but stand for no character."""
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

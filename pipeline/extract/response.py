"""Hooks on a botocore client: take each body before it is parsed, and see whether it can be believed.

botocore turns a 200 answer whose body is not JSON (cut short, or a proxy's HTML page) into a response without
items and without token, and a paginator then ends as if the listing were complete. So each body is examined
here: it must be JSON in UTF-8 with the operation's result key before its token is believed.

The `before-parse` event (botocore 1.35.16 and later) lets the body be swapped for its token alone, so that
botocore's parser, which takes most of a page's time, has next to nothing to do. Should a botocore not emit it,
`after-call` picks the same body up behind the parser: slower, same pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from pipeline.model.operations import RESULT_KEYS

BODY = "reklake:body"
PAGE = "reklake:page"
"""Members added to botocore's parsed response: the body, and what was found when it was examined."""

HTTP_REDIRECT = 300
"""Below it an answer claims to be one: 200, or what a proxy makes of it."""


class _Projects(msgspec.Struct):
    listed: list[msgspec.Raw] = msgspec.field(name="ProjectDescriptions")
    token: str | None = msgspec.field(name="NextToken", default=None)


class _Versions(msgspec.Struct):
    listed: list[msgspec.Raw] = msgspec.field(name="ProjectVersionDescriptions")
    token: str | None = msgspec.field(name="NextToken", default=None)


class _Dataset(msgspec.Struct):
    listed: dict[str, msgspec.Raw] = msgspec.field(name="DatasetDescription")
    token: str | None = None


class _Tags(msgspec.Struct):
    listed: dict[str, msgspec.Raw] = msgspec.field(name="Tags")
    token: str | None = None


class _Policies(msgspec.Struct):
    listed: list[msgspec.Raw] = msgspec.field(name="ProjectPolicies")
    token: str | None = msgspec.field(name="NextToken", default=None)


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "ProjectDescriptions": msgspec.json.Decoder(_Projects),
    "ProjectVersionDescriptions": msgspec.json.Decoder(_Versions),
    "DatasetDescription": msgspec.json.Decoder(_Dataset),
    "Tags": msgspec.json.Decoder(_Tags),
    "ProjectPolicies": msgspec.json.Decoder(_Policies),
}


_OBJECTS = frozenset({"DatasetDescription", "Tags"})
"""Result keys that hold one object; the others hold a list."""


class Examined(NamedTuple):
    """A page's NextToken if any, what is wrong with the body if anything is, and how many items it lists.

    `digest` is that of the items (model.page.RawPage); empty for a page that has to be read with care. `listed` are the
    items' texts, where they are a list.
    """

    token: str | None
    flaw: str | None
    items: int = 0
    digest: bytes = b""
    listed: Sequence[msgspec.Raw] = ()


def examine(body: bytes, operation: str) -> Examined:
    """See whether a body is a page of the operation."""
    key = RESULT_KEYS[operation]
    try:
        if not body.isascii():
            body.decode("utf-8")
        try:
            page = _DECODERS[key].decode(body)
            digest = sha256(b"".join(_texts(page.listed))).digest()
            texts = page.listed if isinstance(page.listed, list) else ()
            return Examined(page.token, None, len(page.listed), digest, texts)
        except msgspec.DecodeError:
            return _examine_with_care(body, key)
    except (ValueError, RecursionError) as error:
        start = body[:60].decode("utf-8", "replace")
        return Examined(
            None, f"the answer is no {operation} page ({error}); it has {len(body)} bytes and starts {start!r}"
        )


def _texts(listed: list[msgspec.Raw] | dict[str, msgspec.Raw]) -> Iterable[bytes | msgspec.Raw]:
    """Return the items as they came, to be joined: each hash of its own would let go of the interpreter once more."""
    if isinstance(listed, list):
        return listed
    return (text for name, value in listed.items() for text in (msgspec.json.encode(name), value))


def _examine_with_care(body: bytes, key: str) -> Examined:
    """Examine a page that msgspec refuses: it takes no half of a surrogate pair, which JSON allows.

    ValueError if the body is no page.
    """
    page = json.loads(body, parse_constant=_refuse)
    kind = dict if key in _OBJECTS else list
    if not isinstance(page, dict) or not isinstance(page.get(key), kind):
        raise ValueError(f"it has no {kind.__name__} {key}")  # noqa: TRY004  # the body is at fault, not an argument
    token = page.get("NextToken")
    if not isinstance(token, str | None):
        raise ValueError("its token is no string")  # noqa: TRY004  # same
    return Examined(token, None, len(page[key]))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def attach(client: Any, *, before_parse: bool = True) -> None:
    """Register the hooks on a client's Rekognition calls.

    `before_parse=False` leaves the body to botocore's parser, as a botocore without the event would.
    """
    if before_parse:
        client.meta.events.register("before-parse.rekognition", _on_answer)
    client.meta.events.register("after-call.rekognition", _on_parsed)


def _on_answer(
    *, operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    if operation_model.name not in RESULT_KEYS:
        return
    body = response_dict["body"]
    customized_response_dict[BODY] = body
    if response_dict["status_code"] < HTTP_REDIRECT:
        page = customized_response_dict[PAGE] = examine(body, operation_model.name)
        response_dict["body"] = msgspec.json.encode({"NextToken": page.token} if page.token else {})


def _on_parsed(*, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    if model.name in RESULT_KEYS and BODY not in parsed:
        parsed[BODY] = http_response.content
        if http_response.status_code < HTTP_REDIRECT:
            parsed[PAGE] = examine(http_response.content, model.name)

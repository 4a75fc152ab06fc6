"""Take each body from botocore before it parses it, and examine whether it can be believed.

botocore turns a 200 answer whose body is not JSON (cut short, or a proxy's HTML page) into a response without items
and without token, and a paginator then ends as if the listing were complete. So each body is examined here: it must be
JSON in UTF-8 with the operation's result key before its token is believed.

The `before-parse` event lets the body be swapped for an empty one, as botocore's parser takes most of a page's time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from pipeline.model.operations import OPERATIONS, Operation, Result

BODY, EXAMINED = "reklake:body", "reklake:examined"
"""Members that are added to botocore's parsed response."""
HTTP_REDIRECT = 300
"""Below it an answer claims to be one: 200, or what a proxy makes of it."""


class Examined(NamedTuple):
    """What was found when a body was examined.

    `token` is the page's NextToken if any, `flaw` what is wrong with the body if anything is, `items` how many the page
    lists. `digest` is that of the items (model.page.RawPage); empty where msgspec cannot read the page.
    """

    token: str = ""
    flaw: str = ""
    items: int = 0
    digest: bytes = b""


class Answer(NamedTuple):
    """One answer of the service; `metadata` is botocore's ResponseMetadata."""

    body: bytes
    metadata: Mapping[str, Any]
    examined: Examined


def attach(client: Any) -> None:
    """Have a Rekognition client keep each body, and examine it instead of parsing it."""
    client.meta.events.register("before-parse.rekognition", _keep_body)


def _keep_body(
    *, operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Handle botocore's event: what is added to `customized_response_dict` is added to the parsed response."""
    operation = OPERATIONS.get(operation_model.name)
    if operation is None:
        return
    body = customized_response_dict[BODY] = response_dict["body"]
    if response_dict["status_code"] < HTTP_REDIRECT:
        customized_response_dict[EXAMINED] = examine(body, operation)
        response_dict["body"] = b"{}"


def answer_of(response: Mapping[str, Any]) -> Answer:
    """Return the answer in a response of a client that `attach` was called on, or in that of its ClientError."""
    return Answer(response[BODY], response["ResponseMetadata"], response.get(EXAMINED, Examined()))


def examine(body: bytes, operation: Operation) -> Examined:
    """Return whether a body is a page of the operation, and what there is on it."""
    try:
        if not body.isascii():
            body.decode("utf-8")
        try:
            page = _decoder(operation.result_key, operation.result).decode(body)
        except msgspec.DecodeError:
            return _examine_with_json(body, operation)
    except (ValueError, RecursionError) as error:
        start = body[:60].decode("utf-8", "replace")
        what = f"the answer is no {operation.name} page ({error}); it has {len(body)} bytes and starts {start!r}"
        return Examined(flaw=what)
    token = page.token if operation.page_size else None
    return Examined(token or "", items=len(page.result), digest=sha256(b"".join(_texts(page.result))).digest())


@cache
def _decoder(result_key: str, result: Result) -> msgspec.json.Decoder[Any]:
    """Return a decoder that finds a page's token and its items, and leaves the items as they are."""
    kind = list[msgspec.Raw] if result is Result.LIST else dict[str, msgspec.Raw]
    page = msgspec.defstruct(
        "Page",
        [
            ("result", kind, msgspec.field(name=result_key)),
            ("token", str | None, msgspec.field(name="NextToken", default=None)),
        ],
    )
    return msgspec.json.Decoder(page)


def _texts(result: list[msgspec.Raw] | dict[str, msgspec.Raw]) -> Iterable[bytes | msgspec.Raw]:
    """Return the items byte for byte, to be joined: hashing once releases the GIL once."""
    if isinstance(result, list):
        return result
    return (text for name, value in result.items() for text in (msgspec.json.encode(name), value))


def _examine_with_json(body: bytes, operation: Operation) -> Examined:
    """Examine a page that msgspec refuses: it accepts no half of a surrogate pair, which JSON allows.

    ValueError if the body is no page.
    """
    page = json.loads(body, parse_constant=_refuse)
    kind = list if operation.result is Result.LIST else dict
    if not isinstance(page, dict) or not isinstance(page.get(operation.result_key), kind):
        raise ValueError(f"it has no {kind.__name__} {operation.result_key}")  # noqa: TRY004  # the body is at fault
    token = page.get("NextToken") if operation.page_size else None
    if not isinstance(token, str | None):
        raise ValueError("its token is no string")  # noqa: TRY004  # same
    return Examined(token or "", items=len(page[operation.result_key]))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

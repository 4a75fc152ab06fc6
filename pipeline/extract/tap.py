"""Hooks on a boto3 client: pace every attempt, take each body before it is parsed, retry bodies that are cut.

botocore turns a 200 answer whose body is not JSON (cut short, or a proxy's HTML page) into a response without
items and without token, and a paginator then ends as if the listing were complete. So each body is examined
here: it must be JSON in UTF-8 with the operation's result key before its token is believed.

The `before-parse` event (botocore 1.35.16 and later) lets the body be swapped for its token alone, so that
botocore's parser, which takes most of a page's time, has next to nothing to do. Should a botocore not emit it,
`after-call` picks the same body up behind the parser: slower, same pages.
"""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.extract.pacing import Pace
from pipeline.model.page import RESULT_KEYS

BODY = "reklake:body"
FLAW = "reklake:flaw"
"""Members added to botocore's parsed response: the raw body, and why it cannot be believed (or None)."""

THROTTLES = frozenset(
    {
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TooManyRequestsException",
        "Throttling",
    }
)
HTTP_REDIRECT = 300
"""Below it an answer claims to be one: 200, or what a proxy makes of it."""
FIRST_DELAY = 0.2
LONGEST_DELAY = 20.0


class _Projects(msgspec.Struct):
    listed: list[msgspec.Raw] = msgspec.field(name="ProjectDescriptions")
    token: str | None = msgspec.field(name="NextToken", default=None)


class _Versions(msgspec.Struct):
    listed: list[msgspec.Raw] = msgspec.field(name="ProjectVersionDescriptions")
    token: str | None = msgspec.field(name="NextToken", default=None)


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "ProjectDescriptions": msgspec.json.Decoder(_Projects),
    "ProjectVersionDescriptions": msgspec.json.Decoder(_Versions),
}


@dataclass(slots=True)
class Counters:
    """What a scope's calls came to; `calls` counts every attempt, retries included."""

    calls: int = 0
    retries: int = 0
    throttles: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


def examine(body: bytes, operation: str) -> tuple[str | None, str | None]:
    """Return (token, flaw): the page's NextToken if any, and what is wrong with the body if anything is."""
    key = RESULT_KEYS[operation]
    try:
        body.decode("utf-8")
        try:
            return _DECODERS[key].decode(body).token, None
        except msgspec.DecodeError:
            return _examine_with_care(body, key), None
    except (ValueError, RecursionError) as error:
        start = body[:60].decode("utf-8", "replace")
        return None, f"the answer is no {operation} page ({error}); it has {len(body)} bytes and starts {start!r}"


def _examine_with_care(body: bytes, key: str) -> str | None:
    """Return the token of a page that msgspec refuses: it takes no half of a surrogate pair, which JSON allows.

    ValueError if the body is no page.
    """
    page = json.loads(body, parse_constant=_refuse)
    if not isinstance(page, dict) or not isinstance(page.get(key), list):
        raise ValueError(f"it has no list {key}")  # noqa: TRY004  # the body is at fault, not an argument
    token = page.get("NextToken")
    if not isinstance(token, str | None):
        raise ValueError("its token is no string")  # noqa: TRY004  # same
    return token


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


class Tap:
    """The hooks of one client, and the counters they keep."""

    def __init__(self, pace: Pace, *, max_attempts: int, before_parse: bool = True) -> None:
        """`before_parse=False` leaves the body to botocore's parser, as a botocore without the event would."""
        self.counters = Counters()
        self._pace = pace
        self._max_attempts = max_attempts
        self._before_parse = before_parse

    def attach(self, client: Any) -> None:
        """Register the hooks on the client's Rekognition calls."""
        events = client.meta.events
        events.register_first("request-created.rekognition", self._on_request)
        if self._before_parse:
            events.register("before-parse.rekognition", self._on_answer)
        # first, because botocore's own handler answers False ("no retry") where it sees a fine 200
        events.register_first("needs-retry.rekognition", self._on_attempt_ended)
        events.register("after-call.rekognition", self._on_parsed)

    def _on_request(self, *, operation_name: str, **_: Any) -> None:
        """Before signing, so that a wait does not age the signature."""
        self._pace.wait(operation_name)
        with self.counters.lock:
            self.counters.calls += 1

    def _on_answer(
        self,
        *,
        operation_model: Any,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: Any,
    ) -> None:
        if operation_model.name not in RESULT_KEYS:
            return
        body = response_dict["body"]
        customized_response_dict[BODY] = body
        if response_dict["status_code"] < HTTP_REDIRECT:
            token, flaw = examine(body, operation_model.name)
            customized_response_dict[FLAW] = flaw
            response_dict["body"] = msgspec.json.encode({"NextToken": token} if token else {})

    def _on_attempt_ended(self, *, response: Any, operation: Any, attempts: int, **_: Any) -> float | None:
        """Ask for a retry of throttles and flawed bodies; botocore's own rules see everything else.

        botocore's standard mode pays for retries out of a small budget that a throttled listing of thousands
        of pages would use up; throttles are therefore waited out here, without one.
        """
        if attempts > 1:
            with self.counters.lock:
                self.counters.retries += 1
        if response is None or operation.name not in RESULT_KEYS:
            return None
        http, parsed = response
        throttled = parsed.get("Error", {}).get("Code") in THROTTLES
        if throttled:
            with self.counters.lock:
                self.counters.throttles += 1
        if not throttled and (http.status_code >= HTTP_REDIRECT or _flaw(http, parsed, operation.name) is None):
            return None
        if attempts >= self._max_attempts:
            return None
        ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2**attempts)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311  # jitter, not a secret

    def _on_parsed(self, *, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in RESULT_KEYS and BODY not in parsed:
            parsed[BODY] = http_response.content
            parsed[FLAW] = _flaw(http_response, parsed, model.name)


def _flaw(http: Any, parsed: dict[str, Any], operation: str) -> str | None:
    if FLAW in parsed:
        flaw: str | None = parsed[FLAW]
        return flaw
    return examine(http.content, operation)[1] if http.status_code < HTTP_REDIRECT else None

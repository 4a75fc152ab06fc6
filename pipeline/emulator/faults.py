"""Faults: rules for what goes wrong, with which calls, and how often."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.json_protocol import JSON_TYPE, Answer, ServiceError
from pipeline.emulator.random_stream import RandomStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.emulator.pagination import Listing, Position
    from pipeline.emulator.request import Request

KINDS = {
    "throttle": "ThrottlingException, HTTP 400",
    "throttle_500": "ThrottlingException, HTTP 500",
    "provisioned_throughput": "ProvisionedThroughputExceededException, HTTP 400",
    "internal_error": "InternalServerError, HTTP 500",
    "access_denied": "AccessDeniedException, HTTP 400",
    "region_not_enabled": "UnrecognizedClientException, HTTP 400, as from a region that the account has not enabled",
    "unknown_operation": "UnknownOperationException, HTTP 400",
    "expired_token": "InvalidPaginationTokenException for a call with a token; once, unless `times` is given",
    "vanished": "ResourceNotFoundException from DescribeProjectVersions",
    "cut_body": "HTTP 200 with JSON that ends in the middle; Content-Length fits",
    "short_body": "HTTP 200; Content-Length promises more than is sent before the connection closes",
    "html": "HTTP 200 with an HTML page",
    "reset": "a TCP reset instead of an answer",
    "raw_body": "`body` as it is, with `status` and `content_type`",
    "latency": "the answer comes `seconds` later; later rules still apply",
    "empty_page_with_token": "an extra page without items before the true one",
    "empty_token": '`"NextToken": ""` on the last page',
    "repeat_token": "the token that was sent comes back as the next one",
    "repeat_item": "the last item of the previous page also comes first on this page",
}
"""Kinds of faults, and what the client sees."""

_API_ERRORS: dict[str, tuple[str, str, int]] = {
    "throttle": ("ThrottlingException", "Rate exceeded", 400),
    "throttle_500": ("ThrottlingException", "Rate exceeded", 500),
    "provisioned_throughput": (
        "ProvisionedThroughputExceededException",
        "Provisioned throughput for {operation} is exceeded",
        400,
    ),
    "internal_error": ("InternalServerError", "Internal server error", 500),
    "access_denied": (
        "AccessDeniedException",
        "User: arn:aws:iam::{account}:user/emulated is not authorized to perform: rekognition:{operation}",
        400,
    ),
    "region_not_enabled": (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        400,
    ),
    "unknown_operation": ("UnknownOperationException", "The operation is not known", 400),
    "expired_token": ("InvalidPaginationTokenException", "The pagination token has expired", 400),
    "vanished": (
        "ResourceNotFoundException",
        "The resource id or ARN specified in the request is not found",
        400,
    ),
}
"""Faults that are errors of the API: code, message and HTTP status."""

_HTML = b"""<!DOCTYPE html>
<html><head><title>503 Service Temporarily Unavailable</title></head>
<body><h1>Service Temporarily Unavailable</h1></body></html>
"""


@dataclass(frozen=True)
class Fault:
    """One rule: what goes wrong (`kind`), with which calls, and how often.

    A rule applies to calls that match all given conditions: operation, region, account, project and page.
    Of these calls it strikes every one; or the `nth` (from 1); or every `every`-th; or each with `probability`.
    """

    kind: str
    """One of KINDS."""
    operation: str | None = None
    region: str | None = None
    account: str | None = None
    project: str | None = None
    """Name of the project, for operations that take an ARN."""
    page: int | None = None
    """Page of the listing, from 1."""
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    """How often the rule may strike; None: no limit (expired_token: once)."""
    seconds: float = 0.0
    """Delay of a latency rule."""
    body: bytes = b""
    """Answer of a raw_body rule."""
    status: int = 200
    """HTTP status of a raw_body rule."""
    content_type: str = JSON_TYPE
    """Content type of a raw_body rule."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EmulatorError(f"unknown fault {self.kind!r}; known are {', '.join(KINDS)}")
        if sum(given is not None for given in (self.nth, self.every, self.probability)) > 1:
            raise EmulatorError(f"fault {self.kind}: give one of nth, every and probability")
        for name in ("nth", "every", "times", "page"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise EmulatorError(f"fault {self.kind}: {name} counts from 1, not {value}")
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise EmulatorError(f"fault {self.kind}: probability lies in 0..1, not {self.probability}")
        if self.seconds < 0.0:
            raise EmulatorError(f"fault {self.kind}: seconds cannot be negative, as {self.seconds} is")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a rule written as `kind[,name=value...]`, for example `throttle,probability=0.1,times=20`.

        Raises:
            EmulatorError: the text names an unknown kind or field, or a value of the wrong kind.

        """
        kind, *pairs = (part.strip() for part in text.split(","))
        types = {spec.name: str(spec.type) for spec in dataclasses.fields(cls) if spec.name != "kind"}
        values: dict[str, Any] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals or name not in types:
                raise EmulatorError(f"fault {text!r}: {pair!r} is not one of {', '.join(types)} with =value")
            try:
                values[name] = _converted(value, types[name])
            except ValueError as error:
                raise EmulatorError(f"fault {text!r}: {value!r} is not a value for {name}") from error
        return cls(kind, **values)

    def matches(self, request: Request, position: Position, listing: Listing | None) -> bool:
        """Return whether the rule applies to a call; `listing` is what the call pages through, if anything."""
        conditions = (
            (self.operation, request.operation),
            (self.account, request.account),
            (self.region, request.region),
            (self.project, request.project),
            (self.page, position.page),
        )
        possible = {
            "expired_token": request.token is not None,
            "vanished": request.operation == "DescribeProjectVersions",
            "empty_page_with_token": listing is not None and not position.after_empty,
            "empty_token": listing is not None and listing.is_last(position),
            "repeat_token": listing is not None and request.token is not None,
            "repeat_item": listing is not None and position.page > 1,
        }
        return possible.get(self.kind, True) and all(wanted in (None, actual) for wanted, actual in conditions)

    @property
    def limit(self) -> int | None:
        """How often the rule may strike; None: no limit."""
        return 1 if self.times is None and self.kind == "expired_token" else self.times

    def error(self, request: Request) -> ServiceError | None:
        """Return the API error that the fault stands for; None if it is none."""
        if self.kind not in _API_ERRORS:
            return None
        code, message, status = _API_ERRORS[self.kind]
        return ServiceError(code, message.format(operation=request.operation, account=request.account), status)

    def damage(self, answer: Answer) -> Answer:
        """Return the answer with what the fault does to its transport."""
        match self.kind:
            case "cut_body":
                return dataclasses.replace(answer, body=answer.body[: len(answer.body) // 2])
            case "short_body":
                return dataclasses.replace(answer, ending="short")
            case "reset":
                return dataclasses.replace(answer, ending="reset")
            case "html":
                return Answer(200, _HTML, content_type="text/html")
            case "raw_body":
                return Answer(self.status, self.body, content_type=self.content_type)
            case _:
                return answer


def _converted(value: str, annotation: str) -> object:
    if annotation.startswith("int"):
        return int(value)
    if annotation.startswith("float"):
        return float(value)
    return value.encode() if annotation.startswith("bytes") else value


class FaultRules:
    """Rules in their order, and how often each applied and struck. Thread-safe."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._faults = tuple(faults)
        self._seed = seed
        self._seen = [0] * len(self._faults)
        self._struck = [0] * len(self._faults)
        self._lock = threading.Lock()

    def strike(self, request: Request, position: Position, listing: Listing | None) -> tuple[Fault | None, float]:
        """Return the first rule that is due for a call, and the delay that latency rules before it add."""
        struck: Fault | None = None
        seconds = 0.0
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.matches(request, position, listing):
                    continue
                self._seen[index] += 1
                if struck is not None or not self._is_due(index, fault):
                    continue
                self._struck[index] += 1
                if fault.kind == "latency":
                    seconds += fault.seconds
                else:
                    struck = fault
        return struck, seconds

    def _is_due(self, index: int, fault: Fault) -> bool:
        seen = self._seen[index]
        if fault.limit is not None and self._struck[index] >= fault.limit:
            return False
        if fault.nth is not None:
            return seen == fault.nth
        if fault.every is not None:
            return seen % fault.every == 0
        if fault.probability is not None:
            return RandomStream(self._seed, "fault", index, seen).chance(fault.probability)
        return True

"""The AWS JSON 1.1 protocol: values, timestamps, answers and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

JsonObject = dict[str, Any]
"""A JSON object with the API's member names; timestamps are epoch seconds."""
JSON_TYPE = "application/x-amz-json-1.1"


class ExponentFloat(float):
    """A float that is written as `1.579628950911E9`; it compares like any float."""

    __slots__ = ()


def epoch_seconds(millis: int, *, exponent: bool = False) -> float:
    """Return epoch milliseconds as a timestamp of the API, written with an exponent if asked for."""
    seconds = millis / 1000
    return ExponentFloat(seconds) if exponent else seconds


def _exponent_notation(value: object) -> msgspec.Raw:
    if not isinstance(value, ExponentFloat):
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")
    digits, _, power = f"{float(value):.12E}".partition("E")
    return msgspec.Raw(f"{digits.rstrip('0').ljust(3, '0')}E{int(power)}".encode())


_encoder = msgspec.json.Encoder(enc_hook=_exponent_notation)


def encode(value: object) -> bytes:
    """Return the value as JSON in UTF-8."""
    return _encoder.encode(value)


@dataclass(frozen=True)
class Answer:
    """What is sent back for one call."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    error: str | None = None
    """AWS error code, for the header x-amzn-ErrorType."""
    ending: Literal["whole", "short", "reset"] = "whole"
    """short: the connection closes before the promised length; reset: a TCP reset instead of an answer."""
    seconds: float = 0.0
    """Delay before the answer is sent."""
    request_id: str = ""


class ServiceError(Exception):
    """An error of the API, to be sent to the client."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def answer(self) -> Answer:
        """Return the error as the API writes it."""
        # throttling errors come from AWS's front end, which spells the member in lower case
        member = "message" if self.code == "ThrottlingException" else "Message"
        return Answer(self.status, encode({"__type": self.code, member: self.message}), error=self.code)

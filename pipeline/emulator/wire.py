"""JSON as the service writes it: timestamps as epoch seconds, at times with an exponent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

JsonObject = dict[str, Any]
"""One description in wire format: the API's member names, timestamps as numbers."""


class ExponentFloat(float):
    """A float that is written as `1.579628950911E9`; it compares as the float it is."""

    __slots__ = ()


def epoch_seconds(millis: int, *, exponent: bool = False) -> float:
    """Epoch milliseconds as the service's timestamp: seconds, perhaps written with an exponent."""
    seconds = millis / 1000
    return ExponentFloat(seconds) if exponent else seconds


def from_iso(text: str) -> float:
    """Turn an ISO 8601 timestamp with its zone, as the AWS CLI prints it, into epoch seconds.

    Raises:
        ValueError: the text is no such timestamp.

    """
    return round(datetime.fromisoformat(text).timestamp(), 6)


def _exponent_notation(value: object) -> msgspec.Raw:
    if not isinstance(value, ExponentFloat):
        raise TypeError(f"{type(value).__name__} has no place in a JSON answer")
    digits, _, power = f"{float(value):.12E}".partition("E")
    return msgspec.Raw(f"{digits.rstrip('0').ljust(3, '0')}E{int(power)}".encode())


_encoder = msgspec.json.Encoder(enc_hook=_exponent_notation)


def encode(value: object) -> bytes:
    """Value as JSON, UTF-8. `msgspec.Raw` members are written as they are, for any lexical form."""
    return _encoder.encode(value)

"""Answers of the JSON 1.1 protocol: results, errors, and the damage that faults do to them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.emulator.wire import encode

if TYPE_CHECKING:
    from pipeline.emulator.faults import CallSite, Fault, FaultKind

JSON = "application/x-amz-json-1.1"

_HTML = b"""<!DOCTYPE html>
<html><head><title>503 Service Temporarily Unavailable</title></head>
<body><h1>Service Temporarily Unavailable</h1></body></html>
"""


@dataclass(frozen=True)
class Answer:
    """What goes onto the connection."""

    status: int
    body: bytes
    content_type: str = JSON
    error: str | None = None
    """AWS error code, for x-amzn-ErrorType."""
    ending: Literal["whole", "short", "reset"] = "whole"
    """short: the connection closes before the promised length; reset: TCP RST in place of an answer."""


class ServiceError(Exception):
    """An error of the API, to be answered to the client."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def answer(self) -> Answer:
        """Return the error as the service writes it; throttles come from its front end, spelt otherwise."""
        spelling = "message" if self.code == "ThrottlingException" else "Message"
        body = encode({"__type": self.code, spelling: self.message})
        return Answer(self.status, body, error=self.code)


def throttled(status: int = 400) -> ServiceError:
    """Return the error for a call above the quota."""
    return ServiceError("ThrottlingException", "Rate exceeded", status)


def fault_error(fault: Fault, site: CallSite) -> ServiceError | None:
    """Return the API error that a fault stands for, or None when it is no error of the API."""
    action = f"rekognition:{site.operation}"
    denial = (
        f"User: arn:aws:iam::{site.account}:user/emulated is not authorized to perform: {action} "
        f"because no identity-based policy allows the {action} action"
    )
    missing = "The resource id or ARN specified in the request is not found"
    errors: dict[FaultKind, ServiceError] = {
        "throttle": throttled(),
        "throttle_500": throttled(500),
        "provisioned_throughput": ServiceError(
            "ProvisionedThroughputExceededException",
            f"Provisioned throughput for {site.operation} is exceeded",
        ),
        "internal_error": ServiceError("InternalServerError", "Internal server error", 500),
        "access_denied": ServiceError("AccessDeniedException", denial),
        "region_not_enabled": ServiceError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        ),
        "unknown_operation": ServiceError("UnknownOperationException", "The operation is not known"),
        "expired_token": ServiceError("InvalidPaginationTokenException", "The pagination token has expired"),
        "vanished": ServiceError("ResourceNotFoundException", missing),
    }
    return errors.get(fault.kind)


def damaged(answer: Answer, fault: Fault) -> Answer:
    """Return the answer with a transport fault done to it."""
    match fault.kind:
        case "cut_body":
            return dataclasses.replace(answer, body=answer.body[: len(answer.body) // 2])
        case "short_body":
            return dataclasses.replace(answer, ending="short")
        case "reset":
            return dataclasses.replace(answer, ending="reset")
        case "html":
            return Answer(200, _HTML, content_type="text/html")
        case "raw_body":
            return Answer(fault.status, fault.body, content_type=fault.content_type)
        case _:
            return answer

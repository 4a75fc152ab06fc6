"""One request, and its parameters checked against botocore's input shapes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from botocore.loaders import Loader
from botocore.model import ServiceModel

from pipeline.emulator.json_protocol import JsonObject, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = re.compile(r"arn:.*:project/(?P<project>[^/]+)(/version/(?P<version>[^/]+))?")
_TYPES = {"string": str, "integer": int, "boolean": bool, "list": list}
"""The types that parameters of our operations have."""


@dataclass(frozen=True)
class Request:
    """A call of one operation."""

    operation: str
    account: str = ""
    region: str = ""
    params: JsonObject = field(default_factory=dict)

    @property
    def token(self) -> str | None:
        """NextToken; `""` asks for the first page, like no token."""
        token = self.params.get("NextToken")
        return token if isinstance(token, str) and token else None

    @property
    def listing(self) -> str:
        """Name of the listing that is paged through: operation, scope and filters."""
        filters = {key: value for key, value in self.params.items() if key not in ("NextToken", "MaxResults")}
        return f"{self.operation}|{self.account}|{self.region}|{json.dumps(filters, sort_keys=True)}"

    @property
    def project(self) -> str | None:
        """Name of the project that the request's ARN names."""
        arn = self.params.get("ProjectArn") or self.params.get("DatasetArn") or self.params.get("ResourceArn")
        return name_in_arn(arn, "project") if isinstance(arn, str) else None


def name_in_arn(arn: str, resource: Literal["project", "version"]) -> str | None:
    """Return the name of the project or version in an ARN."""
    match = _NAMES.match(arn)
    return match[resource] if match is not None else None


def parse_body(body: bytes) -> JsonObject:
    """Return the parameters in a request's body; raises ServiceError."""
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", "The request body is not JSON") from error
    if not isinstance(params, dict):
        raise ServiceError("SerializationException", "The request body is not a JSON object")
    return params


@cache
def service_model() -> ServiceModel:
    """Return botocore's model of the Rekognition API."""
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")


def problems(operation: str, params: JsonObject) -> list[str]:
    """Return the constraints that parameters violate, as AWS words them; unknown members are ignored."""
    shape: Any = service_model().operation_model(operation).input_shape
    found: list[str] = []
    for name, member in shape.members.items():
        path = name[0].lower() + name[1:]
        if params.get(name) is not None:
            found += _problems_of(member, params[name], path)
        elif name in shape.required_members:
            found.append(f"Value null at '{path}' failed to satisfy constraint: Member must not be null")
    return found


def _problems_of(shape: Any, value: object, path: str) -> Iterator[str]:
    has_type = type(value) is _TYPES[shape.type_name]  # isinstance would take a bool for an integer
    for rule in _broken_limits(shape, value) if has_type else [f"Member must be of type {shape.type_name}"]:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {rule}"
    if has_type and isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield from _problems_of(shape.member, item, f"{path}.{number}.member")


def _broken_limits(shape: Any, value: Any) -> Iterator[str]:
    limits = shape.metadata
    size, quantity = (len(value), "length") if shape.type_name in ("string", "list") else (value, "value")
    if "min" in limits and size < limits["min"]:
        yield f"Member must have {quantity} greater than or equal to {limits['min']}"
    if "max" in limits and size > limits["max"]:
        yield f"Member must have {quantity} less than or equal to {limits['max']}"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value, re.DOTALL):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if limits.get("enum") and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"

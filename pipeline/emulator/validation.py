"""Requests checked against botocore's own input shapes, answered in AWS's words."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.emulator.wire import JsonObject

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "list": (list,),
    "structure": (dict,),
    "map": (dict,),
}


@cache
def service_model() -> ServiceModel:
    """Botocore's model of the Rekognition API, as installed."""
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")


def problems(operation: str, params: JsonObject) -> list[str]:
    """Violated constraints of a request, as AWS words them; members unknown to the API are ignored."""
    return list(_structure_problems(service_model().operation_model(operation).input_shape, params, ""))


def problem_message(found: list[str]) -> str:
    """One message for all violated constraints, as AWS words it."""
    errors = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {errors} detected: {'; '.join(found)}"


def _structure_problems(shape: Any, value: JsonObject, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield (f"Value null at '{_member_path(path, name)}' failed to satisfy constraint: Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _value_problems(member, value[name], _member_path(path, name))


def _value_problems(shape: Any, value: object, path: str) -> Iterator[str]:
    expected = _PYTHON_TYPES[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        yield _violation(value, path, f"Member must be of type {shape.type_name}")
        return
    yield from (_violation(value, path, rule) for rule in _broken_rules(shape, value))
    if isinstance(value, list):
        for index, item in enumerate(value, start=1):
            yield from _value_problems(shape.member, item, f"{path}.{index}.member")


def _broken_rules(shape: Any, value: Any) -> Iterator[str]:
    limits = shape.metadata
    is_number = shape.type_name in ("integer", "long")
    size = value if is_number else len(value) if shape.type_name in ("string", "list") else 0
    quantity = "value" if is_number else "length"
    if "min" in limits and size < limits["min"]:
        yield f"Member must have {quantity} greater than or equal to {limits['min']}"
    if "max" in limits and size > limits["max"]:
        yield f"Member must have {quantity} less than or equal to {limits['max']}"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value, re.DOTALL):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if limits.get("enum") and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"


def _violation(value: object, path: str, rule: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {rule}"


def _member_path(path: str, name: str) -> str:
    camel = name[0].lower() + name[1:]
    return f"{path}.{camel}" if path else camel

"""Parameters that are taken as they are where typer's conversion would change nothing: it imports pydantic for any.

That takes as long as all else that a small command does. What is left out, a default, and a text that is to be a text
need none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from typer.core import TyperArgument, TyperOption


class LeanOption(TyperOption):
    """An option that is converted only if it must be."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """Return the value as the command gets it."""
        return value if _is_settled(self, value) else super().process_value(ctx, value)


class LeanArgument(TyperArgument):
    """An argument that is converted only if it must be."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """Return the value as the command gets it."""
        return value if _is_settled(self, value) else super().process_value(ctx, value)


def lean(parameters: Iterable[Any]) -> None:
    """Turn the parameters that typer has made into these; it has no option for their classes."""
    for one in parameters:
        if type(one) is TyperOption:
            one.__class__ = LeanOption
        elif type(one) is TyperArgument:
            one.__class__ = LeanArgument


def _is_settled(parameter: LeanOption | LeanArgument, value: Any) -> bool:
    """Whether converting would give the value itself, and nothing is left to be said about it."""
    if value is None:  # --help has a callback, which does nothing then
        return not parameter.required and not parameter.multiple and parameter.nargs == 1
    if parameter.callback is not None:
        return False
    if isinstance(value, Enum):  # a default: what people type is text
        return True
    # older versions of typer do not describe a parameter so; they convert without pydantic
    described = getattr(parameter, "type_descriptor", None)
    is_text = described is not None and described.annotation is str and described.parameter_info.parser is None
    return is_text and type(value) is str

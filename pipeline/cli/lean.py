"""Typer's command and group, without what they import for anybody and ours have no use for: half of a short command.

For every value typer imports pydantic, which converts it. What is left out, a default, and a text that is to be a text
are taken as they are instead. For every help it imports what shows Markdown and tracebacks; ours has neither.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

NOT_SHOWN = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""Modules that typer's help imports for a class that it does not use with `rich_markup_mode="rich"`."""


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


class LeanCommand(TyperCommand):
    """A command of such parameters."""

    def get_params(self, ctx: Any) -> Any:
        """Return its parameters, --help among them."""
        return _lean(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print its help."""
        _import_help()
        super().format_help(ctx, formatter)


class LeanGroup(TyperGroup):
    """A group of such parameters."""

    def get_params(self, ctx: Any) -> Any:
        """Return its parameters, --help among them."""
        return _lean(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print its help."""
        _import_help()
        super().format_help(ctx, formatter)


def _lean(parameters: Iterable[Any]) -> list[Any]:
    """Return the parameters that typer has made as ours; it takes no classes for them."""
    parameters = [*parameters]
    for one in parameters:
        if type(one) is TyperOption:
            one.__class__ = LeanOption
        elif type(one) is TyperArgument:
            one.__class__ = LeanArgument
    return parameters


def _is_settled(parameter: LeanOption | LeanArgument, value: Any) -> bool:
    """Whether converting would give the value itself, and nothing is left to be said about it."""
    if value is None:  # --help has a callback, which does nothing then
        return not parameter.required and not parameter.multiple and parameter.nargs == 1
    if parameter.callback is not None:
        return False
    # older versions of typer do not describe a parameter so; they convert without pydantic
    described = getattr(parameter, "type_descriptor", None)
    if described is None or described.parameter_info.parser is not None:
        return False
    return type(value) is described.annotation  # a default; what people type is text, for a text


def _import_help() -> None:
    """Import typer's help with empty classes in the place of NOT_SHOWN; whoever imports those later gets the real."""
    absent = {module: name for module, name in NOT_SHOWN.items() if module not in sys.modules}
    for module, name in absent.items():
        sys.modules[module] = ModuleType(module)
        setattr(sys.modules[module], name, type(name, (), {}))
    try:
        with suppress(ImportError):  # it wants more of them: typer then imports it in its own way
            import_module("typer.rich_utils")
    finally:
        for module in absent:
            del sys.modules[module]

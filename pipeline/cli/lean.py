"""Typer's command and group, without what they import for anybody and ours have no use for: half of a short command.

For every value that is given typer imports pydantic, which converts it. Here Python does where that is enough; whatever
it does not take goes typer's way, which knows how to refuse it. For every help typer imports what shows Markdown and
tracebacks; ours has neither.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

NOT_SHOWN = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""Modules that typer's help imports for a class that it does not use with `rich_markup_mode="rich"`."""


class LeanOption(TyperOption):
    """An option that is converted only if it must be."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """Return the value as the command gets it."""
        try:
            return _converted(self, value)
        except ValueError:
            return super().process_value(ctx, value)


class LeanArgument(TyperArgument):  # says the same again: an instance of typer's could not become one of two bases
    """An argument that is converted only if it must be."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """Return the value as the command gets it."""
        try:
            return _converted(self, value)
        except ValueError:
            return super().process_value(ctx, value)


class _Lean:
    """What a command or group of ours does otherwise."""

    def get_params(self, ctx: Any) -> Any:
        """Return its parameters, --help among them."""
        return _lean(super().get_params(ctx))  # type: ignore[misc]  # of the class beside

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print its help."""
        _import_help()
        super().format_help(ctx, formatter)  # type: ignore[misc]  # of the class beside


class LeanCommand(_Lean, TyperCommand):
    """A command of such parameters."""


class LeanGroup(_Lean, TyperGroup):
    """A group of such parameters."""


def _lean(parameters: Iterable[Any]) -> list[Any]:
    """Return the parameters that typer has made as ours; it takes no classes for them."""
    parameters = [*parameters]
    for one in parameters:
        if type(one) is TyperOption:
            one.__class__ = LeanOption
        elif type(one) is TyperArgument:
            one.__class__ = LeanArgument
    return parameters


def _converted(parameter: LeanOption | LeanArgument, value: Any) -> Any:
    """Return the value as the command's function declares it; ValueError where typer must look at it."""
    is_several = parameter.multiple or parameter.nargs == -1
    if value is None and not parameter.required:  # --help has a callback, which does nothing then
        return () if is_several else None
    # older versions of typer do not describe a parameter so; they convert without pydantic
    described = getattr(parameter, "type_descriptor", None)
    if value is None or described is None or parameter.callback is not None:
        raise ValueError(value)
    kind, takes = described.annotation, described.parameter_info
    if takes.parser is not None or (parameter.required and is_several and not value):
        raise ValueError(value)
    if get_origin(kind) is list:
        return [_plain(get_args(kind)[0], one, takes.min, takes.max) for one in value]
    return _plain(kind, value, takes.min, takes.max)


def _plain(kind: Any, value: Any, least: float | None, most: float | None) -> Any:
    """Return one value as this kind; ValueError where that takes more than calling it."""
    if type(value) is kind:  # a default; what people type is text, for a text
        return value
    if isinstance(value, str):
        if kind is Path or (isinstance(kind, type) and issubclass(kind, StrEnum)):
            return kind(value)
        if kind in (int, float):
            number = kind(value)
            if (least is None or number >= least) and (most is None or number <= most):
                return number
    raise ValueError(value)


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


@contextmanager
def without(name: str) -> Iterator[None]:
    """Run a command as if a module were not there: what imports it if it can, and does without, then takes less time.

    pyarrow with numpy takes twice as long to import as without, and a question to a lake has no use for that.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # as documented: an import of it raises ModuleNotFoundError
    try:
        yield
    finally:
        del sys.modules[name]

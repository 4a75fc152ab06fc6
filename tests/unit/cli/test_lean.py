"""What our options give a command is what typer's give it, and what they refuse is refused with typer's words."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.core import TyperCommand
from typer.testing import CliRunner

from pipeline.cli.lean import LeanCommand


class Form(StrEnum):
    """Whatever a choice may be."""

    one = "one"
    two = "two-and-more"


def command(
    text: Annotated[str | None, typer.Argument(envvar="LEAN_TEXT")] = None,
    path: Annotated[Path | None, typer.Option("--path")] = None,
    form: Annotated[Form, typer.Option("--form")] = Form.one,
    share: Annotated[float | None, typer.Option("--share", min=0, max=1)] = None,
    rate: Annotated[float, typer.Option("--rate")] = 0.5,
    count: Annotated[int, typer.Option("--count", min=1)] = 20,
    several: Annotated[list[str] | None, typer.Option("--several")] = None,
    paths: Annotated[list[Path] | None, typer.Option("--paths")] = None,
    forms: Annotated[list[Form], typer.Option("--forms")] = [Form.two],  # noqa: B006  # as typer takes defaults
    on: Annotated[bool | None, typer.Option("--on/--off")] = None,
    flag: Annotated[bool, typer.Option("--flag")] = False,  # noqa: FBT002
) -> None:
    typer.echo("\n".join(repr(one) for one in locals().values()))


def needy(text: Annotated[str, typer.Argument()], several: Annotated[list[str], typer.Option("--several")]) -> None:
    typer.echo(f"{text!r} {several!r}")


LINES = [
    "",
    "words",
    "--path a/../b --form two-and-more --share 0.25 --rate 3 --count 7",
    "--several a --several b,c --paths x --paths y --forms one --forms two-and-more",
    "--on --flag",
    "--off",
    "--form three",
    "--form ONE",
    "--forms one --forms three",
    "--share -0.1",
    "--share 1.1",
    "--share nan",
    "--share 1",
    "--rate inf",
    "--rate 1e3",
    "--rate x",
    "--rate=",
    "--count 0",
    "--count 1.0",
    "--count 2.5",
    "--count x",
    "--path .",
    "--path=",
]


@pytest.mark.parametrize("line", LINES)
def test_values_are_those_that_typer_gives(line: str):
    assert said(command, LeanCommand, line) == said(command, TyperCommand, line)


@pytest.mark.parametrize("line", ["", "text", "--several a", "text --several a", "text --several a --several b"])
def test_what_must_be_given_is_asked_for(line: str):
    assert said(needy, LeanCommand, line) == said(needy, TyperCommand, line)


def test_a_variable_counts_as_typed():
    assert "'from outside'" in said(command, LeanCommand, "", LEAN_TEXT="from outside")[1]


def said(function: object, kind: type[TyperCommand], line: str, **environment: str) -> tuple[int, str]:
    app = typer.Typer(add_completion=False)
    app.command("x", cls=kind)(function)
    ran = CliRunner().invoke(app, line.split(), env=environment)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, ran.output

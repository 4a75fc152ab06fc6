"""sync, plan and doctor take the same options, and each gets their values under the names of the settings."""

from __future__ import annotations

import inspect
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipeline import settings
from pipeline.cli.app import app
from pipeline.cli.options import AWS_OPTIONS, Flags, with_aws_options

COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", ["sync", "plan", "doctor"])
def test_commands_that_ask_aws_share_their_options(name: str):
    assert [option.name for option in COMMANDS[name].params][: len(AWS_OPTIONS)] == [*AWS_OPTIONS]


def test_each_shared_option_is_a_setting():
    """settings.load() raises TypeError for a name that it does not know."""
    assert settings.load(environment={}, **dict.fromkeys(AWS_OPTIONS)) == settings.load(environment={})


def test_shared_options_come_as_one_dictionary_and_own_options_by_name():
    seen: dict[str, object] = {}

    @with_aws_options
    def command(flags: Flags, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:  # noqa: FBT002
        """Do nothing."""
        seen.update(flags, loud=loud)

    alone = typer.Typer()
    alone.command()(command)
    given = ["--region", "us-east-1", "--region", "eu-west-1", "--role", "R", "--rate", "2.5", "--loud"]
    assert CliRunner().invoke(alone, given).exit_code == 0
    assert {name: value for name, value in seen.items() if value is not None} == {
        "regions": ["us-east-1", "eu-west-1"],
        "role": "R",
        "rate": 2.5,
        "loud": True,
    }
    assert seen.keys() == {*AWS_OPTIONS, "loud"}
    assert inspect.getdoc(command) == "Do nothing."

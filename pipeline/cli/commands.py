"""The commands by family: what the overview of them shows, and where each is found once it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand

from pipeline.cli.lean import LeanCommand, LeanGroup


@dataclass(frozen=True, slots=True)
class Declared:
    """One command: its panel in the overview, the function `module:function` of this package, and what it does.

    The summary is the first line of the function's docstring. It stands here too, so that the overview need not import
    the commands; a test holds the two together.
    """

    name: str
    panel: str
    place: str
    summary: str


COMMANDS = (
    Declared(
        "sync", "Export", "runs:sync", "List every project and model version, and publish them as a new snapshot."
    ),
    Declared(
        "plan",
        "Export",
        "planning:plan",
        "Show whom a sync with the same options would ask, with how many calls, and how long it takes at least.",
    ),
    Declared(
        "replay",
        "Export",
        "runs:replay",
        "Flatten the pages that a run landed again, and publish them, without asking AWS.",
    ),
    Declared(
        "verify",
        "Export",
        "runs:verify",
        "Rebuild every API description from the tables, and compare it with the page it came on.",
    ),
    Declared(
        "sql",
        "Query",
        "query:sql",
        "Run SQL over the lake. Tables and marts go by their names; see `reklake tables`. Times are in UTC.",
    ),
    Declared(
        "tables",
        "Query",
        "tables:tables",
        "Show what can be queried: tables, their histories, views and marts, or the columns of one of them.",
    ),
    Declared(
        "changes",
        "Query",
        "query:changes",
        "Show what appeared, changed or went, as the syncs saw it: the mart `changes`, the latest last.",
    ),
    Declared(
        "runs",
        "Query",
        "query:runs",
        "Show the last runs, or one of them scope by scope: how it ended, what it cost, and why what failed did.",
    ),
    Declared("check", "Query", "query:check", "Run the data checks of sql/checks over the lake."),
    Declared(
        "pull",
        "Query",
        "keeping:pull",
        "Copy a snapshot and the run records to a folder of this machine, as a lake to query.",
    ),
    Declared(
        "doctor",
        "Keep",
        "doctor:doctor",
        "Look for everything that can be wrong: credentials, permissions, regions, clock, versions, and the lake.",
    ),
    Declared(
        "rollback",
        "Keep",
        "keeping:rollback",
        "Return to an earlier snapshot, with its history; the files of the later ones stay.",
    ),
    Declared(
        "gc",
        "Keep",
        "keeping:gc",
        "List what the lake can do without: old snapshots, landed pages and run records that nothing refers to.",
    ),
    Declared(
        "iam-policy",
        "Keep",
        "policy:iam_policy",
        "Print the IAM policy that reklake needs, and no more. Asks nobody and writes nothing.",
    ),
    Declared(
        "demo",
        "Try",
        "emulator:demo",
        "Export a made-up organisation from the built-in endpoint, over HTTP, and query the result.",
    ),
    Declared(
        "emulator",
        "Try",
        "emulator:emulator",
        "Serve Rekognition Custom Labels on this machine, to test code that uses it.",
    ),
    Declared("version", "Try", "tables:version", "Show the versions of reklake and of what it stands on."),
)
"""Every command, in the order in which the overview shows them."""


class LazyCommand(TyperCommand):
    """A command that is known by what is declared of it, and imported when it is run or its own help is shown."""

    def __init__(self, declared: Declared) -> None:
        super().__init__(declared.name, help=declared.summary, rich_help_panel=declared.panel)
        self._declared = declared

    def load(self) -> TyperCommand:
        """Import the command's module, and return the command with its options."""
        module, _, function = self._declared.place.partition(":")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
        alone.command(self._declared.name, cls=LeanCommand)(getattr(import_module(f"pipeline.cli.{module}"), function))
        return cast("TyperCommand", typer.main.get_command(alone))  # one function makes no group

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Read the arguments as the command itself does; the context is its own, so what follows runs it."""
        return self.load().make_context(*arguments, **settings)


class Commands(LeanGroup):
    """The group of all declared commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for declared in COMMANDS:
            self.add_command(LazyCommand(declared))

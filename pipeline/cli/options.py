"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.render import Format


class LogFormat(StrEnum):
    """How a run tells what it does."""

    auto = "auto"
    json = "json"
    text = "text"


WHOM = "Whom to ask"
"""The panel of the options that say which accounts and regions."""

Lake = Annotated[
    str | None,
    typer.Option(
        "--lake",
        envvar="REKLAKE_LAKE",
        help="The lake's folder.  (default: `lake` in reklake.toml, else data/lake)",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A settings file.  (default: ./reklake.toml, if it is there)", show_default=False),
]
Log = Annotated[
    LogFormat,
    typer.Option(
        "--log-format", help="How it tells what it does: auto is a live view on a terminal, JSON lines elsewhere."
    ),
]
AsFormat = Annotated[Format, typer.Option("--format", help="How to write the result.")]

Region = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        help="A region to list, repeatable; `all` for every Custom Labels region.  (default: boto3's)",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
ExcludeRegion = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude-region", help="A region to leave out, repeatable.", rich_help_panel=WHOM, show_default=False
    ),
]
Account = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        help="An account to assume --role in, repeatable. Without --role: whose credentials these are.",
        metavar="ID",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
ExcludeAccount = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude-account",
        help="An account to leave out, repeatable.",
        metavar="ID",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
Organization = Annotated[
    bool | None,
    typer.Option(
        "--organization/--no-organization",
        help="Assume --role in every active account of the AWS organization, but for the caller's own.",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
Unit = Annotated[
    list[str] | None,
    typer.Option(
        "--ou",
        help="With --organization: only this organizational unit (or root) and all below it, repeatable.",
        metavar="ID",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
ExcludeUnit = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude-ou",
        help="With --organization: an organizational unit to leave out, with all below it, repeatable.",
        metavar="ID",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
Role = Annotated[
    str | None,
    typer.Option(
        "--role",
        help="Role to assume in each account: its name, or an ARN with {account} in it.",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
ExternalId = Annotated[
    str | None,
    typer.Option(
        "--external-id",
        help="The external id that the role's trust policy asks for.",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
SessionName = Annotated[
    str | None,
    typer.Option(
        "--session-name",
        help="What CloudTrail shows as the name of the role's sessions.  (default: reklake)",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
Profile = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        help="AWS profile; repeated, each is an account of its own.  (default: boto3's)",
        rich_help_panel=WHOM,
        show_default=False,
    ),
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        help="What to ask for beside projects and versions, with commas: datasets, tags, policies; or none.  (default: "
        "datasets, where that is permitted)",
        metavar="DETAILS",
        show_default=False,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        help="Calls a second for each operation, account and region.  (default: 5, AWS's quota)",
        show_default=False,
    ),
]
Burst = Annotated[
    float | None,
    typer.Option(
        "--burst",
        help="Calls that may be unanswered, and leave at once after a pause.  (default: 0.95 seconds' worth of --rate)",
        show_default=False,
    ),
]

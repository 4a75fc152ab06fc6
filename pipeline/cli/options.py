"""Options that several commands share, each declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.render import Format


class LogFormat(StrEnum):
    """The form of the progress on stderr."""

    auto = "auto"
    json = "json"
    text = "text"


Lake = Annotated[
    str | None,
    typer.Option(
        "--lake",
        envvar="REKLAKE_LAKE",
        help="The lake: a folder, or s3://bucket/prefix.  (default: `lake` in reklake.toml, else data/lake)",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A settings file.  (default: ./reklake.toml, if it exists)")
]
Log = Annotated[
    LogFormat,
    typer.Option("--log-format", help="Form of the progress: auto is a live view on a terminal, else JSON lines."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
AsFormat = Annotated[Format, typer.Option("--format", help="Form of the result; only table rounds numbers.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file, whole or not at all.")]


_target = functools.partial(typer.Option, rich_help_panel="Accounts and regions")

AWS_OPTIONS: dict[str, Any] = {
    "lake": Lake,
    "config": Config,
    "regions": Annotated[
        list[str] | None,
        _target(
            "--region",
            help="A region to list, repeatable; `all` for every Custom Labels region.  (default: boto3's)",
        ),
    ],
    "exclude_regions": Annotated[
        list[str] | None, _target("--exclude-region", help="A region to leave out, repeatable.")
    ],
    "accounts": Annotated[
        list[str] | None,
        _target(
            "--account",
            help="An account to assume --role in, repeatable. Without --role: the account of the credentials.",
            metavar="ID",
        ),
    ],
    "exclude_accounts": Annotated[
        list[str] | None, _target("--exclude-account", help="An account to leave out, repeatable.", metavar="ID")
    ],
    "organization": Annotated[
        bool | None,
        _target(
            "--organization/--no-organization",
            help="Assume --role in every active account of the AWS organization except the caller's own.",
        ),
    ],
    "units": Annotated[
        list[str] | None,
        _target(
            "--ou",
            help="With --organization: only this organizational unit (or root) and all below it, repeatable.",
            metavar="ID",
        ),
    ],
    "exclude_units": Annotated[
        list[str] | None,
        _target(
            "--exclude-ou",
            help="With --organization: an organizational unit to leave out, with all below it, repeatable.",
            metavar="ID",
        ),
    ],
    "role": Annotated[
        str | None,
        _target("--role", help="The role to assume in each account: its name, or an ARN with {account} in it."),
    ],
    "external_id": Annotated[
        str | None, _target("--external-id", help="The external id that the role's trust policy requires.")
    ],
    "session_name": Annotated[
        str | None, _target("--session-name", help="The name of the role's sessions in CloudTrail.  (default: reklake)")
    ],
    "profiles": Annotated[
        list[str] | None,
        _target("--profile", help="An AWS profile; repeated, each is an account of its own.  (default: boto3's)"),
    ],
    "details": Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="DETAILS",
            help="Optional data, separated by commas: datasets, tags, policies; or none. Each costs one or more calls "
            "per resource, against its own quota.  (default: datasets, where permitted)",
        ),
    ],
    "rate": Annotated[
        float | None,
        typer.Option(
            "--rate", help="Calls a second for each operation, account and region.  (default: 5, AWS's quota)"
        ),
    ],
    "burst": Annotated[
        float | None,
        typer.Option(
            "--burst",
            help="Maximum calls in flight; also the burst size after an idle period.  (default: 0.95 seconds' worth of "
            "--rate)",
        ),
    ],
}
"""The options of sync, plan and doctor, by the names under which settings.load() takes them."""

Flags = dict[str, Any]
"""The values of AWS_OPTIONS, for settings.load()."""


def with_aws_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command AWS_OPTIONS before its own; it takes their values as one dictionary, its first parameter."""
    own = [*inspect.signature(command, eval_str=True).parameters.values()][1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)
        for name, annotation in AWS_OPTIONS.items()
    ]

    @functools.wraps(command)
    def with_flags(**values: Any) -> None:
        flags = {name: values.pop(name) for name in AWS_OPTIONS}
        command(flags, **values)

    with_flags.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]  # what typer reads
    return with_flags

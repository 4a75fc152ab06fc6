"""Gathers the settings from the file, the environment and the flags; the later ones win."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings import file
from pipeline.settings.keys import KEYS, NO_DETAILS, Key, Kind, split
from pipeline.settings.model import (
    DEFAULT_LAKE,
    RESUME_WITHIN,
    AwsSettings,
    Prices,
    Retention,
    Settings,
    described,
    shown,
)

CONFIG_FILE = "reklake.toml"
_COMMAS = {"regions", "exclude_regions", "accounts", "exclude_accounts", "units", "exclude_units", "details"}
"""Fields whose flags take several values separated by commas. A profile's name may contain one."""


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A value, the rank of what set it (0 the file, 1 the environment, 2 a flag), and its place for messages."""

    value: Any
    rank: int
    where: str


_BySectionAndField = dict[tuple[str, str], _Gathered]


def load(
    *,
    lake: str | None = None,
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    resume_within: float | None = None,
    **aws: Any,
) -> Settings:
    """Return the settings. A flag that is None or empty is not set. UsageError names the setting and its place.

    `aws` are fields of AwsSettings, or `profile` for a single profile; `details=("none",)` asks for none, as
    `with = []` does in the file. `config` defaults to reklake.toml in the working directory, if there is one. Settings
    that contradict one another are found when AWS is asked (`check_consistency`): a query must not fail because a role
    is set without accounts.
    """
    flags = {"lake": lake, "resume_within": resume_within, **aws}
    gathered: _BySectionAndField = {}
    sources = (
        file.read(config or Path(CONFIG_FILE), required=config is not None),
        _from_environment(environment),
        _from_flags(flags),
    )
    for rank, source in enumerate(sources):
        gathered |= _checked(rank, source)
    _resolve_accounts(gathered)
    top = _fields(gathered, "")
    set_by = {name: found.where for (section, name), found in gathered.items() if section == "aws"}
    return Settings(
        lake=top.get("lake", DEFAULT_LAKE),
        aws=AwsSettings(**_fields(gathered, "aws"), set_by=set_by),
        prices=Prices(**_fields(gathered, "prices")),
        retention=Retention(**_fields(gathered, "retention")),
        resume_within=top.get("resume_within", RESUME_WITHIN),
    )


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Key, Any, str]]:
    for key in KEYS:
        if key.variable and (text := environment.get(key.variable, "").strip()):
            try:
                yield key, key.kind.parse(text), key.variable
            except ValueError as error:
                raise UsageError(f"{key.variable} is {shown(text)}; it takes {key.kind}.") from error


def _from_flags(flags: dict[str, Any]) -> Iterator[tuple[Key, Any, str]]:
    keys = {key.target: key for key in KEYS if key.section in ("", "aws")}  # `profiles` replaces `profile`
    for name, value in flags.items():
        if name == "profile":
            if value:
                yield keys["profiles"], [value], keys["profiles"].flag
        elif name not in keys:
            raise TypeError(f"load() takes no {name}")
        elif name in _COMMAS:
            if value:
                yield keys[name], [part for item in value for part in (split(item) or [item])], keys[name].flag
        elif value is not None and value not in ([], ()):
            yield keys[name], value, keys[name].flag


def _checked(rank: int, source: Iterable[tuple[Key, Any, str]]) -> _BySectionAndField:
    """Check each value by itself, and convert it to its field's type."""
    gathered: _BySectionAndField = {}
    for key, value, where in source:
        if not key.kind.fits(value):
            raise UsageError(f"{described(where, value)}; it takes {key.kind}.")
        for item in value if key.kind is Kind.TEXTS else [value]:
            if broken := key.check(item):
                verb = "has" if key.kind is Kind.TEXTS else "is"
                raise UsageError(f"{described(where, item, verb)}: {broken}.")
        at = key.section, key.target
        if at in gathered:
            other = gathered[at].where.rsplit(" ")[-1]
            raise UsageError(f"{where}: {other} sets the same: omit one of them.")
        gathered[at] = _Gathered(_converted(key, value, where), rank, where)
    return gathered


def _converted(key: Key, value: Any, where: str) -> Any:
    if key.kind is Kind.NUMBER:
        return float(value)
    if key.kind is not Kind.TEXTS:
        return (value,) if key.target == "profiles" else value
    items = tuple(dict.fromkeys(value))
    if key.target == "details" and NO_DETAILS in items:
        if len(items) > 1:
            raise UsageError(f"{described(where, NO_DETAILS, 'has')}: it cannot be combined with others.")
        return ()
    return items


def _resolve_accounts(gathered: _BySectionAndField) -> None:
    """Where accounts and an organization are set in different places, drop those of the weaker place."""
    accounts, organization = gathered.get(("aws", "accounts")), gathered.get(("aws", "organization"))
    if not accounts or not organization or not organization.value or accounts.rank == organization.rank:
        return
    weaker = ("accounts",) if accounts.rank < organization.rank else ("organization", "units", "exclude_units")
    rank = min(accounts.rank, organization.rank)
    for name in weaker:
        if ("aws", name) in gathered and gathered["aws", name].rank <= rank:
            del gathered["aws", name]


def _fields(gathered: _BySectionAndField, section: str) -> dict[str, Any]:
    return {name: found.value for (of, name), found in gathered.items() if of == section}

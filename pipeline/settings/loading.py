"""Gathering the settings from the file, the environment and the flags, the later ones winning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings import file
from pipeline.settings.keys import KEYS, NO_DETAILS, Key, Kind, split
from pipeline.settings.model import DEFAULT_LAKE, RESUME_WITHIN, AwsSettings, Prices, Retention, Settings, naming, shown

CONFIG_FILE = "reklake.toml"
_COMMAS = {"regions", "exclude_regions", "accounts", "exclude_accounts", "units", "exclude_units", "details"}
"""Fields whose flags may be given several values with commas; a profile's name may hold one."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A value, which place said it (0 the file, 1 the environment, 2 a flag), and the place's name for messages."""

    value: Any
    place: int
    where: str


_Gathered = dict[tuple[str, str], _Said]
"""By section and field."""


def load(
    *,
    lake: str | None = None,
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    resume_within: float | None = None,
    **aws: Any,
) -> Settings:
    """Gather the settings; flags that are None or empty give way. UsageError names what is at fault, and where it is.

    `aws` are fields of AwsSettings, or `profile` for one profile; `details=("none",)` asks for none, as `with = []` of
    the file does. `config` defaults to reklake.toml in the working directory, if there is one. What cannot be set
    together is only looked at when AWS is asked (`check_together`): a query must not fail for a role without accounts.
    """
    flags = {"lake": lake, "resume_within": resume_within, **aws}
    found: _Gathered = {}
    for place, said in enumerate(
        (
            file.read(config or Path(CONFIG_FILE), required=config is not None),
            _of_environment(environment),
            _of_flags(flags),
        )
    ):
        found |= _checked(place, said)
    _settle(found)
    top, asked = _fields(found, ""), _fields(found, "aws")
    return Settings(
        lake=top.get("lake", DEFAULT_LAKE),
        aws=AwsSettings(**asked, said={name: one.where for (section, name), one in found.items() if section == "aws"}),
        prices=Prices(**_fields(found, "prices")),
        retention=Retention(**_fields(found, "retention")),
        resume_within=top.get("resume_within", RESUME_WITHIN),
    )


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[Key, Any, str]]:
    for key in KEYS:
        if key.variable and (text := environment.get(key.variable, "").strip()):
            try:
                yield key, key.kind.read(text), key.variable
            except ValueError as error:
                raise UsageError(f"{key.variable} is {shown(text)}; it takes {key.kind}.") from error


def _of_flags(flags: dict[str, Any]) -> Iterator[tuple[Key, Any, str]]:
    of_field = {key.target: key for key in KEYS if key.section in ("", "aws")}  # the later one: profiles, not profile
    for name, value in flags.items():
        if name == "profile":
            if value:
                yield of_field["profiles"], [value], of_field["profiles"].flag
            continue
        if name not in of_field:
            raise TypeError(f"load() takes no {name}")
        if value is None or (isinstance(value, list | tuple) and not value):
            continue
        key = of_field[name]
        if name in _COMMAS:
            value = [detail for item in value for detail in (split(item) or [item])]  # noqa: PLW2901  # as others say it
        yield key, value, key.flag


def _checked(place: int, said: Iterator[tuple[Key, Any, str]]) -> _Gathered:
    """Check each value by itself, and bring it into its field's form."""
    found: _Gathered = {}
    for key, value, where in said:
        if not key.kind.fits(value):
            raise UsageError(f"{naming(where, value)}; it takes {key.kind}.")
        for item in value if key.kind is Kind.TEXTS else [value]:
            if wrong := key.check(item):
                verb = "has" if key.kind is Kind.TEXTS else "is"
                raise UsageError(f"{naming(where, item, verb)}: {wrong}.")
        at = key.section, key.target
        if at in found:
            raise UsageError(f"{where}: {found[at].where.rsplit(' ')[-1]} says it too: leave one of them out.")
        found[at] = _Said(_formed(key, value, where), place, where)
    return found


def _formed(key: Key, value: Any, where: str) -> Any:
    if key.kind is Kind.NUMBER:
        return float(value)
    if key.kind is not Kind.TEXTS:
        return (value,) if key.target == "profiles" else value
    items = tuple(dict.fromkeys(value))
    if key.target == "details" and NO_DETAILS in items:
        if len(items) > 1:
            raise UsageError(f"{naming(where, NO_DETAILS, 'has')}: it cannot stand beside others.")
        return ()
    return items


def _settle(found: _Gathered) -> None:
    """Let accounts give way to an organization that a stronger place says, and the other way round."""
    accounts, organization = found.get(("aws", "accounts")), found.get(("aws", "organization"))
    if not accounts or not organization or not organization.value or accounts.place == organization.place:
        return
    weaker = ("accounts",) if accounts.place < organization.place else ("organization", "units", "exclude_units")
    place = min(accounts.place, organization.place)
    for name in weaker:
        if ("aws", name) in found and found["aws", name].place <= place:
            del found["aws", name]


def _fields(found: _Gathered, section: str) -> dict[str, Any]:
    return {name: one.value for (of, name), one in found.items() if of == section}

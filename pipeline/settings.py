"""Frozen settings, each from the first place that has it: a flag, the environment, reklake.toml, the default."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

CONFIG_FILE = "reklake.toml"
DEFAULT_LAKE = "data/lake"
RESUME_WITHIN = 3600.0
SESSION_NAME = "reklake"
"""RoleSessionName of assumed roles, which CloudTrail shows."""
QUOTA = 5.0
"""Default quota of DescribeProjects and DescribeProjectVersions, in calls a second (AWS service quotas)."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What marts multiply by; AWS's sample figures, regional prices differ. In `currency` per hour."""

    training_hour: float = 1.0
    inference_unit_hour: float = 4.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Whom to ask, and how fast.

    `accounts`, or with `organization` those of the AWS organization (of its `units`, if any are named), are assumed
    into through `role` (a role name, or an ARN pattern with `{account}`); without a role, one account id only states
    whose credentials these are. With several `profiles`, each is an account of its own. `rate` is in calls a second for
    each operation, account and region.
    """

    regions: tuple[str, ...] = ()
    exclude_regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    exclude_accounts: tuple[str, ...] = ()
    organization: bool = False
    units: tuple[str, ...] = ()
    exclude_units: tuple[str, ...] = ()
    role: str | None = None
    external_id: str | None = None
    session_name: str = SESSION_NAME
    profiles: tuple[str, ...] = ()
    parts: tuple[str, ...] | None = None
    """What is asked for beside projects and versions (model.page.PARTS); None: the default, where it is permitted."""
    rate: float = QUOTA
    burst: float | None = None
    """Calls that may leave at once after a pause; None: BURST_SECONDS' worth."""
    patience: float = 20.0
    """Seconds without one answer after which what is throttled, cut or out of reach is given up."""
    max_attempts: int = 10
    """Of one call that is cut or out of reach, the first included."""
    in_flight: int = 8
    """Calls of one operation of a scope that are under way at the same time; more if a higher rate needs them."""
    scopes: int = 256
    """Scopes that are listed at the same time."""

    @property
    def profile(self) -> str | None:
        """The profile for everything that is not of one account, such as a lake on S3."""
        return self.profiles[0] if self.profiles else None


@dataclass(frozen=True, slots=True)
class Retention:
    """What `reklake gc` leaves: the newest `snapshots`, and all that is younger than so many days."""

    snapshots: int = 10
    snapshot_days: float = 7.0
    raw_days: float = 30.0
    run_days: float = 400.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command can be told."""

    lake: str
    aws: AwsSettings = field(default_factory=AwsSettings)
    prices: Prices = field(default_factory=Prices)
    retention: Retention = field(default_factory=Retention)
    resume_within: float = RESUME_WITHIN
    """Seconds for which a listing may be taken over from a run that did not live to publish it."""

    def keeping(self, *, snapshots: int | None = None, days: float | None = None) -> Settings:
        """Return the settings with another retention: so many snapshots, and one age for everything."""
        kept = self.retention
        if snapshots is not None:
            kept = replace(kept, snapshots=snapshots)
        if days is not None:
            kept = replace(kept, snapshot_days=days, raw_days=days, run_days=days)
        return replace(self, retention=kept)


_KEYS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "": {"lake": str, "resume_within": (int, float)},
    "aws": {
        "regions": list,
        "accounts": list,
        "role": str,
        "profile": str,
        "rate": (int, float),
        "max_attempts": int,
        "in_flight": int,
        "scopes": int,
    },
    "prices": {"training_hour": (int, float), "inference_unit_hour": (int, float), "currency": str},
    "retention": {
        "snapshots": int,
        "snapshot_days": (int, float),
        "raw_days": (int, float),
        "run_days": (int, float),
    },
}
"""Sections and keys of reklake.toml with the types they take; "" is the top level."""


def load(
    *,
    lake: str | None = None,
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    resume_within: float | None = None,
    **aws: Any,
) -> Settings:
    """Gather the settings; flags that are None or empty give way. UsageError names the file and key at fault.

    `config` defaults to reklake.toml in the working directory, if there is one.
    """
    file = _read(config or Path(CONFIG_FILE), required=config is not None)
    flags = {key: value for key, value in aws.items() if value not in (None, (), [])}
    chosen = {**file.get("aws", {}), **_from_environment(environment), **flags}
    if profile := chosen.pop("profile", None):
        chosen["profiles"] = [profile]
    for key in ("regions", "accounts", "profiles"):
        if key in chosen:
            chosen[key] = tuple(dict.fromkeys(chosen[key]))
    settings = AwsSettings(**chosen)
    prices = Prices(**file.get("prices", {}))
    retention = Retention(**file.get("retention", {}))
    _check(settings)
    for name in ("training_hour", "inference_unit_hour"):
        _check_amount(f"prices.{name}", getattr(prices, name), "a price")
    for name in ("snapshot_days", "raw_days", "run_days"):
        _check_amount(f"retention.{name}", getattr(retention, name), "a number of days")
    if retention.snapshots < 1:
        raise UsageError(f"retention.snapshots is {retention.snapshots}: at least 1 snapshot must stay.")
    seconds = next(one for one in (resume_within, file.get("resume_within"), RESUME_WITHIN) if one is not None)
    _check_amount("resume_within", seconds, "seconds")
    return Settings(
        lake=lake or environment.get("REKLAKE_LAKE") or file.get("lake") or DEFAULT_LAKE,
        aws=settings,
        prices=prices,
        retention=retention,
        resume_within=float(seconds),
    )


def _check(aws: AwsSettings) -> None:
    if not 0 < aws.rate <= 10_000:  # noqa: PLR2004  # far beyond any quota; guards against a slip of the keys
        raise UsageError(f"--rate is {aws.rate}: give calls a second, above 0 (the default quota is {QUOTA:g}).")
    for account in aws.accounts:
        if not (len(account) == 12 and account.isascii() and account.isdigit()):  # noqa: PLR2004  # AWS's own form
            raise UsageError(f"--account {account}: an AWS account id has 12 digits.")
    if len(aws.accounts) > 1 and not aws.role:
        raise UsageError("Several accounts need --role NAME, the role to assume in each of them.")
    for name in ("max_attempts", "in_flight", "scopes"):
        if getattr(aws, name) < 1:
            raise UsageError(f"{name} is {getattr(aws, name)}: it must be 1 or more.")


def _check_amount(name: str, value: float, what: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{name} is {value}: give {what} of 0 or more.")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("regions", "accounts"):
        if text := environment.get(f"REKLAKE_{key.upper()}"):
            found[key] = [part.strip() for part in text.split(",") if part.strip()]
    for key in ("role", "profile"):
        if text := environment.get(f"REKLAKE_{key.upper()}"):
            found[key] = text
    if text := environment.get("REKLAKE_RATE"):
        try:
            found["rate"] = float(text)
        except ValueError as error:
            raise UsageError(f"REKLAKE_RATE is {text!r}: give a number of calls a second.") from error
    return found


def _read(path: Path, *, required: bool) -> dict[str, Any]:
    if not path.exists():
        if required:
            raise UsageError(f"{path}: no such file. Give --config an existing file, or leave it out.")
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}.") from error
    for name, value in content.items():
        if name in _KEYS and isinstance(value, dict):
            for key, inner in value.items():
                _expect(path, f"{name}.{key}", inner, _KEYS[name].get(key))
        else:
            _expect(path, name, value, _KEYS[""].get(name))
    return content


def _expect(path: Path, key: str, value: Any, kind: type | tuple[type, ...] | None) -> None:
    if kind is None:
        known = ", ".join(f"{section}.{name}".lstrip(".") for section, names in _KEYS.items() for name in names)
        raise UsageError(f"{path}: {key} is no setting. Known: {known}.")
    right = isinstance(value, kind) and not isinstance(value, bool)
    if right and kind is list:
        right = all(isinstance(item, str) for item in value)
    if not right:
        names = kind if isinstance(kind, tuple) else (kind,)
        wanted = {"list": "list of strings", "str": "string"}.get(names[0].__name__, "number")
        raise UsageError(f"{path}: {key} is {value!r}; it takes a {wanted}.")

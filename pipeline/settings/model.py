"""Everything that can be set, with its defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

DEFAULT_LAKE = "data/lake"
RESUME_WITHIN = 3600.0
SESSION_NAME = "reklake"
"""RoleSessionName of assumed roles, which CloudTrail shows."""
QUOTA = 5.0
"""Default quota of DescribeProjects and DescribeProjectVersions, in calls a second (AWS service quotas)."""
LONGEST_SHOWN = 80
"""Characters of a value that a message shows at most."""
FLAGS = MappingProxyType(
    {
        "lake": "--lake",
        "resume_within": "--resume-within",
        "regions": "--region",
        "exclude_regions": "--exclude-region",
        "accounts": "--account",
        "exclude_accounts": "--exclude-account",
        "organization": "--organization",
        "units": "--ou",
        "exclude_units": "--exclude-ou",
        "role": "--role",
        "external_id": "--external-id",
        "session_name": "--session-name",
        "profiles": "--profile",
        "details": "--with",
        "rate": "--rate",
        "burst": "--burst",
    }
)
"""The flag of each field; the other fields have none."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices that marts compute costs with, in `currency` per hour. AWS's sample figures; regional prices differ."""

    training_hour: float = 1.0
    inference_unit_hour: float = 4.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Which accounts and regions to ask, for what, and how fast.

    `role` (a name, or an ARN pattern with `{account}`) is assumed in each of `accounts`, or with `organization` in each
    account of the AWS organization (only of its `units`, if any are named). Without a role, one account id only states
    whose credentials these are. In the caller's own account of an organization no role is assumed. With several
    `profiles`, each is an account of its own. `rate` is in calls a second for each operation, account and region.
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
    details: tuple[str, ...] | None = None
    """Optional data (model.operations.DETAILS), called `with` outside; None: the default, where permitted."""
    rate: float = QUOTA
    burst: float | None = None
    """Maximum calls of an operation in flight; also the burst size after an idle period. None: BURST_SECONDS' worth."""
    patience: float = 15.0
    """Seconds without any answer after which a call that is throttled, cut or unreachable is given up."""
    max_attempts: int = 10
    """Attempts of one call that is cut or unreachable, the first included."""
    in_flight: int = 8
    """Calls of one operation of a scope that may be in flight; at least 10 if the rate may need as many."""
    scopes: int = 256
    """Scopes that are listed at the same time."""
    set_by: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What set each field, as messages name it: a flag, a variable, or file, line and key."""

    def naming(self, name: str, value: object = None) -> str:
        """Return a setting's name and place for a message, with the value (an item, if a list) that it is about."""
        return described(self.set_by.get(name) or FLAGS.get(name, name), value, "has")

    @property
    def profile(self) -> str | None:
        """The profile for what belongs to no single account, such as a lake on S3."""
        return self.profiles[0] if self.profiles else None


@dataclass(frozen=True, slots=True)
class Retention:
    """What `reklake gc` keeps: the newest `snapshots`, and everything younger than the days of its kind."""

    snapshots: int = 10
    snapshot_days: float = 7.0
    raw_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a command."""

    lake: str
    aws: AwsSettings = field(default_factory=AwsSettings)
    prices: Prices = field(default_factory=Prices)
    retention: Retention = field(default_factory=Retention)
    resume_within: float = RESUME_WITHIN
    """Seconds for which a sync reuses the listings of a run that died before it published them."""

    def with_retention(self, *, snapshots: int | None = None, days: float | None = None) -> Settings:
        """Return the settings with another number of snapshots to keep, or one age for everything."""
        kept = self.retention
        if snapshots is not None:
            kept = replace(kept, snapshots=snapshots)
        if days is not None:
            kept = replace(kept, snapshot_days=days, raw_days=days)
        return replace(self, retention=kept)


def described(where: str, value: object = None, verb: str = "is") -> str:
    """Return a value with its place: `--rate 0` for a flag, `reklake.toml:3: aws.rate is 0` or the like for others."""
    if value is None:
        return where
    if where.startswith("--"):
        return f"{where} {value:g}" if isinstance(value, float) else f"{where} {value}"
    return f"{where} {verb} {shown(value)}"


def shown(value: object) -> str:
    """Return a value as reklake.toml writes it, cut if it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        text = str(value)
    text = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(text, text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."

"""What can be set, with its defaults; nothing of where it was said but a word for messages."""

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
"""Characters of a value that a message shows."""
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
"""The flags that say what a field says; the other fields have none."""


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
    whose credentials these are. In the caller's own account of an organization no role is assumed: the caller's own
    credentials are used. With several `profiles`, each is an account of its own. `rate` is in calls a second for each
    operation, account and region.
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
    """What is asked for beside projects and versions (model.operations.DETAILS), called `with` outside; None: the
    default, where it is permitted."""
    rate: float = QUOTA
    burst: float | None = None
    """Calls of an operation that may be unanswered, and so leave at once after a pause; None: BURST_SECONDS' worth."""
    patience: float = 15.0
    """Seconds without one answer after which what is throttled, cut or out of reach is given up."""
    max_attempts: int = 10
    """Of one call that is cut or out of reach, the first included."""
    in_flight: int = 8
    """Calls of one operation of a scope that may be under way at a time: more if a higher rate needs them, fewer (but
    4) if answers come so soon that they are not needed."""
    scopes: int = 256
    """Scopes that are listed at the same time."""
    said: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where each field was said, as messages name it: a flag, a variable, or file, line and key."""

    def naming(self, name: str, value: object = None) -> str:
        """Name a setting by where it was said, for messages, and the value (one of a list) that they are about."""
        return naming(self.said.get(name) or FLAGS.get(name, name), value, "has")

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


def naming(where: str, value: object = None, verb: str = "is") -> str:
    """Return `--rate 0` where a flag said it, `reklake.toml:3: aws.rate is 0` or the like where another place did."""
    if value is None:
        return where
    if where.startswith("--"):
        return f"{where} {value:g}" if isinstance(value, float) else f"{where} {value}"
    return f"{where} {verb} {shown(value)}"


def shown(value: object) -> str:
    """Return a value as reklake.toml would have it, cut if it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        text = str(value)
    text = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(text, text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."

"""Whose credentials are there: where they were found, until when they are good, and who they are to STS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import botocore.exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract import clock
from pipeline.extract.failures import told
from pipeline.extract.redact import Veil
from pipeline.extract.sessions import Sessions, own_regions
from pipeline.extract.targets import CUSTOM_LABELS_REGIONS
from pipeline.model.finding import Finding, Level, parted
from pipeline.settings import AwsSettings

CONNECT_TIMEOUT, ATTEMPTS = 5, 2
"""Seconds, and how often STS is asked: whoever examines waits for it."""
SOON = timedelta(minutes=15)
"""botocore renews credentials from here on, if it can."""
PLACES = MappingProxyType(
    {
        "env": "in environment variables",
        "shared-credentials-file": "in the shared credentials file",
        "config-file": "in the AWS config file",
        "custom-process": "by the profile's credential_process",
        "assume-role": "by assuming the profile's role",
        "assume-role-with-web-identity": "by a web identity token",
        "sso": "by IAM Identity Center",
        "login": "by `aws login`",
        "iam-role": "of the instance's role",
        "container-role": "of the container's role",
    }
)
"""Where botocore's providers find credentials, by the names that it gives them."""
_RENEWED_BY = MappingProxyType({"sso": "aws sso login", "login": "aws login"})


@dataclass(frozen=True, slots=True)
class Known:
    """A profile's session (None: it cannot be used), and what was found."""

    finding: Finding
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who STS says the caller is, or why it does not; `ahead` is by how much the clock is."""

    arn: str = ""
    account: str = ""
    error: str = ""
    ahead: timedelta | None = None


def credentials(sessions: Sessions, profile: str | None, veil: Veil) -> Known:
    """Look for a profile's credentials, and take them out of all that is shown."""
    method = ""
    of = f" --profile {profile}" if profile else ""
    try:
        session = sessions.of(profile)
        found: Any = session.get_credentials()
        method = str(found.method)
        veil.hide_credentials(found.get_frozen_credentials())
    except UsageError as error:
        return Known(Finding(Level.FAIL, "credentials", *parted(str(error))))
    except Exception as error:  # noqa: BLE001  # whatever a provider, or a program that it starts, breaks with
        mend = f"{_RENEWED_BY[method]}{of}" if method in _RENEWED_BY else "renew them, or check the profile"
        said = f"{of.strip()}: ".removeprefix(": ") + f"{type(error).__name__}: {told(error)}".rstrip(". ")
        return Known(Finding(Level.FAIL, "credentials", said, mend))
    where = f"found {PLACES.get(method, 'by botocore')} ({method})"
    if session.profile not in (None, "default") or profile:
        where += f", profile {session.profile}"
    # botocore keeps it here and tells it by no public name
    expiry = getattr(found, "_expiry_time", None)
    return Known(_until(where, method, expiry), session)


def _until(where: str, method: str, expiry: datetime | None) -> Finding:
    if expiry is None:
        return Finding(Level.OK, "credentials", where)
    where += f"; good until {expiry:%Y-%m-%dT%H:%M:%SZ}"
    if method == "env" and expiry - clock.now() < SOON:
        return Finding(Level.WARN, "credentials", where, "renew them before a sync: nothing else does")
    return Finding(Level.OK, "credentials", where)


def identity(session: Session, region: str) -> Identity:
    """Ask STS who the caller is."""
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    try:
        sts: Any = session.create_client("sts", region_name=region, config=config)
        answer = sts.get_caller_identity()
        return Identity(str(answer["Arn"]), str(answer["Account"]), ahead=clock.skew(answer["ResponseMetadata"]))
    except aws.ClientError as error:
        return Identity(error=told(error), ahead=clock.skew(error.response.get("ResponseMetadata", {})))
    except (aws.BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        return Identity(error=told(error))


def regions_of(settings: AwsSettings, session: Session) -> tuple[str, ...]:
    """Return the regions that the settings name, or the session's own; none if there is none."""
    named = settings.regions or own_regions(session)
    every = [region for one in named for region in (CUSTOM_LABELS_REGIONS if one == "all" else (one,))]
    return tuple(one for one in dict.fromkeys(every) if one not in settings.exclude_regions)


def unknown_regions(session: Session, regions: Sequence[str]) -> list[str]:
    """Return those of the regions in which AWS has no Rekognition."""
    others = [one for one in regions if one not in CUSTOM_LABELS_REGIONS]
    known = {
        region
        for partition in (session.get_available_partitions() if others else ())  # reads botocore's models: 0.1 s
        for region in session.get_available_regions("rekognition", partition_name=partition)
    }
    return [one for one in others if one not in known]


def supported(regions: Sequence[str], unknown: Sequence[str]) -> list[Finding]:
    """Say which of the regions offer Custom Labels."""
    found = [
        Finding(
            Level.FAIL,
            f"region {one}",
            "Rekognition has no such region",
            f"Custom Labels is offered in {', '.join(CUSTOM_LABELS_REGIONS)}",
        )
        for one in unknown
    ]
    good = [one for one in regions if one in CUSTOM_LABELS_REGIONS]
    if good:
        found.append(Finding(Level.OK, "regions", f"Custom Labels is offered in {', '.join(good)}"))
    found += [
        Finding(
            Level.WARN,
            f"region {one}",
            "has Rekognition, but AWS does not name it for Custom Labels",
            f"leave it out (--exclude-region {one}), unless you know better",
        )
        for one in regions
        if one not in CUSTOM_LABELS_REGIONS and one not in unknown
    ]
    return found

"""The calling credentials: where they were found, when they expire, and whose STS says they are."""

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
from pipeline.extract.failures import message_of
from pipeline.extract.redact import Redactor
from pipeline.extract.sessions import Sessions, own_regions
from pipeline.extract.targets import CUSTOM_LABELS_REGIONS, expanded, known_regions
from pipeline.model.finding import Finding, Level, parted
from pipeline.settings import AwsSettings

CONNECT_TIMEOUT, ATTEMPTS = 5, 2
"""Seconds, and how often STS is called: somebody waits for it."""
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
"""Where botocore's providers find credentials, by the names of the providers."""
_RENEWED_BY = MappingProxyType({"sso": "aws sso login", "login": "aws login"})


@dataclass(frozen=True, slots=True)
class Found:
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


def credentials(sessions: Sessions, profile: str | None, redactor: Redactor) -> Found:
    """Look for a profile's credentials, and have them redacted."""
    method = ""
    of = f" --profile {profile}" if profile else ""
    try:
        session = sessions.of(profile)
        found: Any = session.get_credentials()
        method = str(found.method)
        redactor.add_credentials(found.get_frozen_credentials())
    except UsageError as error:
        return Found(Finding(Level.FAIL, "credentials", *parted(str(error))))
    except Exception as error:  # noqa: BLE001  # whatever a provider, or a program that it starts, fails with
        remedy = f"{_RENEWED_BY[method]}{of}" if method in _RENEWED_BY else "renew them, or check the profile"
        message = f"{of.strip()}: ".removeprefix(": ") + f"{type(error).__name__}: {message_of(error)}".rstrip(". ")
        return Found(Finding(Level.FAIL, "credentials", message, remedy))
    where = f"found {PLACES.get(method, 'by botocore')} ({method})"
    if session.profile not in (None, "default") or profile:
        where += f", profile {session.profile}"
    expiry = getattr(found, "_expiry_time", None)  # it has no public name
    return Found(_until(where, method, expiry), session)


def _until(where: str, method: str, expiry: datetime | None) -> Finding:
    if expiry is None:
        return Finding(Level.OK, "credentials", where)
    where += f"; good until {expiry:%Y-%m-%dT%H:%M:%SZ}"
    if method == "env" and expiry - clock.now() < SOON:
        return Finding(Level.WARN, "credentials", where, "renew them before a sync: nothing else does")
    return Finding(Level.OK, "credentials", where)


def identity(session: Session, region: str) -> Identity:
    """Call STS to find out who the caller is."""
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    try:
        sts: Any = session.create_client("sts", region_name=region, config=config)
        answer = sts.get_caller_identity()
        return Identity(str(answer["Arn"]), str(answer["Account"]), ahead=clock.skew(answer["ResponseMetadata"]))
    except aws.ClientError as error:
        return Identity(error=message_of(error), ahead=clock.skew(error.response.get("ResponseMetadata", {})))
    except (aws.BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        return Identity(error=message_of(error))


def regions_of(settings: AwsSettings, session: Session) -> tuple[str, ...]:
    """Return the regions that the settings name, or the session's own; none if there is none."""
    named = expanded(settings.regions or own_regions(session))
    return tuple(region for region in named if region not in settings.exclude_regions)


def unknown_regions(session: Session, regions: Sequence[str]) -> list[str]:
    """Return those of the regions in which AWS has no Rekognition."""
    known = known_regions(session, "rekognition", regions)
    return [region for region in regions if region not in known]


def supported(regions: Sequence[str], unknown: Sequence[str]) -> list[Finding]:
    """Report which of the regions offer Custom Labels."""
    found = [
        Finding(
            Level.FAIL,
            f"region {region}",
            "Rekognition has no such region",
            f"Custom Labels is offered in {', '.join(CUSTOM_LABELS_REGIONS)}",
        )
        for region in unknown
    ]
    good = [region for region in regions if region in CUSTOM_LABELS_REGIONS]
    if good:
        found.append(Finding(Level.OK, "regions", f"Custom Labels is offered in {', '.join(good)}"))
    found += [
        Finding(
            Level.WARN,
            f"region {region}",
            "has Rekognition, but AWS does not name it for Custom Labels",
            f"leave it out (--exclude-region {region}), unless you know better",
        )
        for region in regions
        if region not in CUSTOM_LABELS_REGIONS and region not in unknown
    ]
    return found

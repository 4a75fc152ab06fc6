"""Whether a sync with these settings can do its work at AWS: probes everything that it needs, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import botocore.exceptions as aws
from botocore.config import Config
from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract import clock
from pipeline.extract.clients import Clients
from pipeline.extract.failures import CALL_ERRORS, message_of
from pipeline.extract.permissions import ASSUME_ROLE, Probed, grouped, probe_scopes
from pipeline.extract.redact import Redactor
from pipeline.extract.sessions import Sessions, own_regions
from pipeline.extract.targets import CUSTOM_LABELS_REGIONS, Plan, expanded, plan
from pipeline.model.finding import Finding, fail, ok, parted, warn
from pipeline.settings import AwsSettings

CONNECT_TIMEOUT, ATTEMPTS = 5, 2
"""Seconds, and how often STS is called: somebody waits for it."""
SOON = timedelta(minutes=15)
"""botocore renews credentials from here on, if it can."""


def examine(settings: AwsSettings) -> Iterator[Finding]:
    """Yield what is found, as it is found, without anything secret."""
    redactor = Redactor(settings.external_id)
    for finding in _findings(settings, Sessions(settings), redactor):
        yield replace(finding, message=redactor.redact(finding.message), remedy=redactor.redact(finding.remedy))


def _findings(settings: AwsSettings, sessions: Sessions, redactor: Redactor) -> Iterator[Finding]:
    usable: dict[str | None, Session] = {}
    for profile in settings.profiles or (None,):
        try:
            session = sessions.of(profile)
            yield _credentials(session, redactor)
            usable[profile] = session
        except UsageError as error:
            yield fail("credentials", *parted(str(error)))
        except Exception as error:  # noqa: BLE001  # whatever a provider, or a program that it starts, fails with
            of = f"profile {profile}: " if profile else ""
            message = f"{of}{type(error).__name__}: {message_of(error)}".rstrip(". ")
            yield fail("credentials", message, "renew them (`aws sso login`, or the like), or check the profile")
    if not usable:
        return
    settings = replace(settings, profiles=tuple(profile for profile in usable if profile))

    identities = [_identity(session, settings) for session in usable.values()]
    ahead = next((identity.ahead for identity in identities if identity.ahead is not None), None)
    yield from (ok("identity", identity.caller) for identity in identities if identity.caller)
    try:
        planned = plan(settings, sessions)
    except (UsageError, ValueError) as error:  # ValueError: an AWS_ENDPOINT_URL_... that is no URL
        if ahead is not None:
            yield clock.finding(ahead)
        yield fail("organization" if settings.organization else "targets", *parted(str(error)))
        return
    for unknown in (identity for identity in identities if identity.error):
        remedy = "renew the credentials, or check AWS_ENDPOINT_URL and the network"
        yield warn("identity", f"STS does not identify the caller: {unknown.error}", remedy)
    yield from _regions(planned)
    if settings.organization:
        yield _organization(planned)

    results = probe_scopes(planned.targets, Clients(sessions).of, settings)
    if ahead is None:
        ahead = next((result.ahead for result in results if result.ahead is not None), None)
    yield clock.finding(ahead)
    yield from _roles(planned, results)
    yield from grouped(results)


def _credentials(session: Session, redactor: Redactor) -> Finding:
    """Report where a session's credentials come from and when they expire, and have them redacted."""
    found: Any = session.get_credentials()
    redactor.add_credentials(found.get_frozen_credentials())
    message = f"found ({found.method}{f', profile {session.profile}' if session.profile else ''})"
    expiry = getattr(found, "_expiry_time", None)  # it has no public name
    if expiry is None:
        return ok("credentials", message)
    message += f"; good until {expiry:%Y-%m-%dT%H:%M:%SZ}"
    if found.method == "env" and expiry - clock.now() < SOON:
        return warn("credentials", message, "renew them before a sync: nothing else does")
    return ok("credentials", message)


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who STS says the caller is, or why it does not; `ahead` is by how much this machine's clock is."""

    caller: str = ""
    error: str = ""
    ahead: timedelta | None = None


def _identity(session: Session, settings: AwsSettings) -> _Identity:
    """Call STS in the first of the regions; nothing is known if there is none."""
    regions = expanded(settings.regions or own_regions(session))
    if not regions:
        return _Identity()
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    try:
        sts: Any = session.create_client("sts", region_name=regions[0], config=config)
        answer = sts.get_caller_identity()
        caller = f"{answer['Arn']}, account {answer['Account']}"
        return _Identity(caller, ahead=clock.skew(answer["ResponseMetadata"]))
    except CALL_ERRORS as error:
        answer = error.response if isinstance(error, aws.ClientError) else {}
        ahead = clock.skew(answer.get("ResponseMetadata", {}))
        return _Identity(error=message_of(error).rstrip("."), ahead=ahead)


def _regions(planned: Plan) -> Iterator[Finding]:
    regions = list(dict.fromkeys(target.scope.region for target in planned.targets))
    if offering := [region for region in regions if region in CUSTOM_LABELS_REGIONS]:
        yield ok("regions", f"Custom Labels is offered in {', '.join(offering)}")
    for region in (region for region in regions if region not in CUSTOM_LABELS_REGIONS):
        message = "has Rekognition, but AWS does not name it for Custom Labels"
        yield warn(f"region {region}", message, f"leave it out (--exclude-region {region}), unless you know better")


def _organization(planned: Plan) -> Finding:
    accounts = {target.scope.account_id for target in planned.targets}
    out = f"; {len(planned.left_out):,} left out, as they are not active" if planned.left_out else ""
    return ok("organization", f"lists its accounts: {len(accounts):,} to list{out}")


def _roles(planned: Plan, results: Sequence[Probed]) -> Iterator[Finding]:
    """Report in how many accounts the role was assumed; where it was not is reported with the scopes."""
    accounts = {target.scope.account_id for target in planned.targets if target.caller.role_arn}
    entered = (result for result in results if result.operation != ASSUME_ROLE and result.kind != "unreachable")
    if assumed := accounts & {result.scope.account_id for result in entered}:
        yield ok("role", f"assumed in {len(assumed):,} of {len(accounts):,} account{'' if len(accounts) == 1 else 's'}")

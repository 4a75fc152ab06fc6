"""Whether a sync with these settings can do its work at AWS: probes everything that it needs, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract import caller, clock
from pipeline.extract.caller import Identity
from pipeline.extract.clients import Clients
from pipeline.extract.grouping import grouped
from pipeline.extract.permissions import ASSUME_ROLE, Probed, probe_scopes
from pipeline.extract.redact import Redactor
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Plan, Target, plan
from pipeline.model.finding import Finding, Level, parted
from pipeline.settings import AwsSettings, check_together


def examine(settings: AwsSettings) -> Iterator[Finding]:
    """Yield what is found, as it is found; UsageError if the settings contradict one another."""
    check_together(settings)
    return _redacted(settings)


def _redacted(settings: AwsSettings) -> Iterator[Finding]:
    redactor = Redactor(settings.external_id)
    for finding in _findings(settings, Sessions(settings), redactor):
        yield replace(finding, message=redactor.redact(finding.message), remedy=redactor.redact(finding.remedy))


def _findings(settings: AwsSettings, sessions: Sessions, redactor: Redactor) -> Iterator[Finding]:
    """Check credentials, regions, identities and targets in turn: each step needs what the one before found."""
    found = {profile: caller.credentials(sessions, profile, redactor) for profile in settings.profiles or (None,)}
    yield from (credentials.finding for credentials in found.values())
    usable = {profile: credentials.session for profile, credentials in found.items() if credentials.session}
    if not usable:
        return
    settings = replace(settings, profiles=tuple(profile for profile in usable if profile))

    wanted = {profile: caller.regions_of(settings, session) for profile, session in usable.items()}
    every = tuple(dict.fromkeys(region for regions in wanted.values() for region in regions))
    unknown = caller.unknown_regions(next(iter(usable.values())), every)
    yield from caller.supported(every, unknown)
    for profile in (profile for profile, regions in wanted.items() if not regions):
        of = f" for profile {profile}" if profile else ""
        yield Finding(Level.FAIL, "regions", f"there is none to ask{of}", "give --region, or set AWS_DEFAULT_REGION")
    known = {profile: [name for name in regions if name not in unknown] for profile, regions in wanted.items()}
    if not all(known.values()):
        return
    if settings.regions:
        settings = replace(settings, regions=tuple(next(iter(known.values()))))

    identities = {profile: caller.identity(session, known[profile][0]) for profile, session in usable.items()}
    planned, error = _plan(settings, sessions)
    yield from _identities(identities, settings, planned)
    ahead = next((identity.ahead for identity in identities.values() if identity.ahead is not None), None)
    if ahead is not None or not planned:
        yield clock.finding(ahead)
    if planned is None:
        if not any(identity.error for identity in identities.values()):  # otherwise it is reported already
            yield Finding(Level.FAIL, "organization" if settings.organization else "targets", *parted(error))
        return
    if settings.organization:
        yield _organization(planned)
    yield from _scopes(settings, sessions, planned, ahead)


def _plan(settings: AwsSettings, sessions: Sessions) -> tuple[Plan | None, str]:
    """Return the plan, or None and why there is none."""
    try:
        return plan(settings, sessions), ""
    except (UsageError, ValueError) as error:  # ValueError: an AWS_ENDPOINT_URL_... that is no URL
        return None, str(error)


def _identities(found: Mapping[str | None, Identity], settings: AwsSettings, planned: Plan | None) -> Iterator[Finding]:
    """Report who the callers are; where STS does not say, a plan may do without if the account is known otherwise."""
    for profile, identity in found.items():
        if not identity.error:
            yield Finding(Level.OK, "identity", f"{identity.arn}, account {identity.account}")
            continue
        message = f"STS does not tell: {identity.error}".rstrip(".")
        if planned and not settings.role:
            targets = (target for target in planned.targets if target.caller.profile == profile)
            account = next((target.scope.account_id for target in targets), "none that is asked")
            message += f"; its account is taken to be {account}"
            yield Finding(Level.WARN, "identity", message, "let STS be reached")
        else:
            remedy = (
                "renew the credentials, or check AWS_ENDPOINT_URL and the network; without a role, --account states it"
            )
            yield Finding(Level.FAIL, "identity", message, remedy)


def _organization(planned: Plan) -> Finding:
    accounts = {target.scope.account_id for target in planned.targets}
    out = f"; {len(planned.left_out):,} left out, as they are not active" if planned.left_out else ""
    return Finding(Level.OK, "organization", f"lists its accounts: {len(accounts):,} to ask{out}")


def _scopes(settings: AwsSettings, sessions: Sessions, planned: Plan, ahead: timedelta | None) -> Iterator[Finding]:
    """Probe every scope; reports the clock, too, if `ahead` is not known yet."""

    def partition_of(target: Target) -> str:
        session: Session = sessions.of(target.caller.profile)
        return str(session.get_partition_for_region(target.scope.region))

    results = probe_scopes(planned.targets, Clients(sessions).of, partition_of, settings)
    if ahead is None:
        yield clock.finding(next((result.ahead for result in results if result.ahead is not None), None))
    yield from _roles(planned, results)
    yield from grouped(results)


def _roles(planned: Plan, results: Sequence[Probed]) -> Iterator[Finding]:
    """Report in how many accounts the role was assumed; where it was not is reported with the scopes."""
    accounts = {target.scope.account_id for target in planned.targets if target.caller.role_arn}
    assumed = accounts & {
        result.scope.account_id
        for result in results
        if result.operation != ASSUME_ROLE and result.kind != "unreachable"
    }
    if assumed:
        plural = "" if len(accounts) == 1 else "s"
        yield Finding(Level.OK, "role", f"assumed in {len(assumed):,} of {len(accounts):,} account{plural}")

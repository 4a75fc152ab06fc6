"""Can a sync with these settings do its work at AWS? Everything it needs is tried once; nothing is changed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract import caller, clock
from pipeline.extract.caller import Identity
from pipeline.extract.clients import Clients
from pipeline.extract.condensing import condensed
from pipeline.extract.permissions import ASSUME_ROLE, Tried, try_scopes
from pipeline.extract.redact import Veil
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Plan, Target, plan
from pipeline.model.finding import Finding, Level, parted
from pipeline.settings import AwsSettings, check_consistency


def examine(settings: AwsSettings) -> Iterator[Finding]:
    """Yield what is found, as it is found; UsageError if the settings contradict one another."""
    check_consistency(settings)
    return _veiled(settings)


def _veiled(settings: AwsSettings) -> Iterator[Finding]:
    veil = Veil(settings.external_id)
    for one in _examined(settings, Sessions(settings), veil):
        yield replace(one, message=veil.over(one.message), mend=veil.over(one.mend))


def _examined(settings: AwsSettings, sessions: Sessions, veil: Veil) -> Iterator[Finding]:
    found = {profile: caller.credentials(sessions, profile, veil) for profile in settings.profiles or (None,)}
    yield from (one.finding for one in found.values())
    usable = {profile: one.session for profile, one in found.items() if one.session}
    if not usable:
        return
    settings = replace(settings, profiles=tuple(profile for profile in usable if profile))

    regions = {profile: caller.regions_of(settings, session) for profile, session in usable.items()}
    every = tuple(dict.fromkeys(one for those in regions.values() for one in those))
    unknown = caller.unknown_regions(next(iter(usable.values())), every)
    yield from caller.supported(every, unknown)
    known = {profile: [one for one in those if one not in unknown] for profile, those in regions.items()}
    for profile in (one for one, those in regions.items() if not those):
        of = f" for profile {profile}" if profile else ""
        yield Finding(Level.FAIL, "regions", f"there is none to ask{of}", "give --region, or set AWS_DEFAULT_REGION")
    if not all(known.values()):
        return
    if settings.regions:
        settings = replace(settings, regions=tuple(next(iter(known.values()))))

    identities = {profile: caller.identity(session, known[profile][0]) for profile, session in usable.items()}
    planned, error = _planned(settings, sessions)
    yield from _identities(identities, settings, planned)
    ahead = next((one.ahead for one in identities.values() if one.ahead is not None), None)
    if ahead is not None or not planned:
        yield clock.judged(ahead)
    if planned is None:
        if not any(one.error for one in identities.values()):  # otherwise it is said already
            yield Finding(Level.FAIL, "organization" if settings.organization else "targets", *parted(error))
        return
    yield from _covered(settings, planned)
    yield from _tried(settings, sessions, planned, ahead)


def _planned(settings: AwsSettings, sessions: Sessions) -> tuple[Plan | None, str]:
    try:
        return plan(settings, sessions), ""
    except (UsageError, ValueError) as error:  # ValueError: an AWS_ENDPOINT_URL_... that is no URL
        return None, str(error)


def _identities(found: Mapping[str | None, Identity], settings: AwsSettings, planned: Plan | None) -> Iterator[Finding]:
    """Say who the callers are; where STS does not, a plan can do without it if the account is known otherwise."""
    for profile, one in found.items():
        if not one.error:
            yield Finding(Level.OK, "identity", f"{one.arn}, account {one.account}")
        elif planned and not settings.role:
            said = f"STS does not tell: {one.error}".rstrip(".")
            targets = (target for target in planned.targets if target.caller.profile == profile)
            account = next((target.scope.account_id for target in targets), "none that is asked")
            yield Finding(Level.WARN, "identity", f"{said}; its account is taken to be {account}", "let STS be reached")
        else:
            said = f"STS does not tell: {one.error}".rstrip(".")
            mend = (
                "renew the credentials, or check AWS_ENDPOINT_URL and the network; without a role, --account states it"
            )
            yield Finding(Level.FAIL, "identity", said, mend)


def _covered(settings: AwsSettings, planned: Plan) -> Iterator[Finding]:
    if settings.organization:
        accounts = {one.scope.account_id for one in planned.targets}
        out = f"; {len(planned.left_out):,} left out, as they are not active" if planned.left_out else ""
        yield Finding(Level.OK, "organization", f"lists its accounts: {len(accounts):,} to ask{out}")


def _tried(settings: AwsSettings, sessions: Sessions, planned: Plan, ahead: timedelta | None) -> Iterator[Finding]:
    partitions: dict[Target, str] = {}
    for one in planned.targets:
        session: Session = sessions.of(one.caller.profile)
        partitions[one] = session.get_partition_for_region(one.scope.region)
    tried = try_scopes(planned.targets, Clients(sessions).of, partitions.__getitem__, settings)
    if ahead is None:
        yield clock.judged(next((one.ahead for one in tried if one.ahead is not None), None))
    yield from _roles(planned, tried)
    yield from condensed(tried)


def _roles(planned: Plan, tried: Sequence[Tried]) -> Iterator[Finding]:
    """Say in how many accounts the role was assumed; where it was not is said with the scopes."""
    accounts = {one.scope.account_id for one in planned.targets if one.caller.role_arn}
    reached = {one.scope.account_id for one in tried if one.operation != ASSUME_ROLE and one.kind != "unreachable"}
    if accounts & reached:
        plural = "" if len(accounts) == 1 else "s"
        yield Finding(Level.OK, "role", f"assumed in {len(accounts & reached):,} of {len(accounts):,} account{plural}")

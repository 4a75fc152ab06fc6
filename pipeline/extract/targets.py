"""Whom to ask: the scopes (account x region) that the settings name, and whose credentials each is asked with."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract import organization
from pipeline.extract.failures import told
from pipeline.extract.organization import LeftOut
from pipeline.extract.sessions import Sessions, own_regions
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings, check_consistency

CUSTOM_LABELS_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
"""Where AWS offers Custom Labels (AWS regional services; botocore's list for Rekognition is longer)."""

CONNECT_TIMEOUT = 10
"""Seconds."""
FEW = 5
"""Accounts that a message names."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials: a profile's own (None: boto3's default), or those of a role assumed with them.

    `home` is the region whose STS is asked.
    """

    account_id: str
    profile: str | None
    role_arn: str | None
    home: str


@dataclass(frozen=True, slots=True)
class Target:
    """One scope, and whose credentials it is asked with."""

    scope: Scope
    caller: Caller


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync will ask: the targets in the order of their scopes, and what it leaves out."""

    targets: tuple[Target, ...]
    left_out: tuple[LeftOut, ...] = ()


def plan(settings: AwsSettings, sessions: Sessions) -> Plan:
    """Work out whom to ask; UsageError if the settings cannot be carried out.

    In named accounts the role is assumed, the caller's own among them. In an organization it is assumed in every
    account but the caller's own, where the role need not exist: there the caller's own credentials are used. Asks STS
    whose credentials these are, unless accounts are named with a role, and Organizations for its accounts.
    """
    check_consistency(settings)
    if len(settings.profiles) > 1:
        return _of_profiles(settings, sessions)
    base = sessions.of(settings.profile)
    regions = _regions(settings, base)
    home = regions[0]
    left_out: tuple[LeftOut, ...] = ()
    if settings.organization:
        own = _own_account(base, home)
        accounts, left_out = organization.accounts(settings, base, home)
        callers = [_caller(settings, one, base, home, is_own=one == own) for one in accounts]
    elif settings.role:
        accounts = tuple(one for one in settings.accounts if one not in settings.exclude_accounts)
        callers = [_caller(settings, one, base, home, is_own=False) for one in accounts]
    else:
        stated = tuple(one for one in settings.accounts if one not in settings.exclude_accounts)
        callers = [_caller(settings, _own_account(base, home, stated), base, home, is_own=True)]
    return _plan(settings, [(caller, regions) for caller in callers], left_out)


def _of_profiles(settings: AwsSettings, sessions: Sessions) -> Plan:
    """Plan several profiles, each of another account, whose regions are its own unless some are named."""
    callers: dict[str, tuple[Caller, tuple[str, ...]]] = {}
    for profile in settings.profiles:
        session = sessions.of(profile)
        regions = _regions(settings, session)
        account = _own_account(session, regions[0])
        if account in callers:
            other = callers[account][0].profile
            raise UsageError(
                f"{settings.naming('profiles')}: {other} and {profile} are both of account {account}: leave one out."
            )
        callers[account] = Caller(account, profile, None, regions[0]), regions
    return _plan(settings, list(callers.values()), ())


def _plan(
    settings: AwsSettings, callers: Sequence[tuple[Caller, tuple[str, ...]]], left_out: tuple[LeftOut, ...]
) -> Plan:
    targets = [
        Target(Scope(region, caller.account_id), caller)
        for caller, regions in callers
        if caller.account_id not in settings.exclude_accounts
        for region in regions
    ]
    if not targets:
        why = "".join(f" Account {one.account_id} is left out: {one.reason}." for one in left_out[:FEW])
        chosen = "exclude_accounts" if settings.exclude_accounts else "organization"
        raise UsageError(f"{settings.naming(chosen)}: there is no account left to ask.{why}")
    return Plan(tuple(sorted(targets, key=lambda target: target.scope)), left_out)


def _caller(settings: AwsSettings, account: str, base: Session, home: str, *, is_own: bool) -> Caller:
    role_arn = None if is_own or settings.role is None else _role_arn(settings.role, account, home, base)
    return Caller(account, settings.profile, role_arn, home)


def _regions(settings: AwsSettings, session: Session) -> tuple[str, ...]:
    """Return the regions to list, in the order in which they were named, without those to leave out."""
    named = settings.regions or own_regions(session)
    if not named:
        of = f" for profile {session.profile}" if len(settings.profiles) > 1 else ""
        raise UsageError(f"No region{of}: give --region (it can be repeated), or set AWS_DEFAULT_REGION.")
    chosen = tuple(
        dict.fromkeys(region for one in named for region in (CUSTOM_LABELS_REGIONS if one == "all" else (one,)))
    )
    _check_regions(settings, session, "regions" if settings.regions else "", chosen)
    _check_regions(settings, session, "exclude_regions", settings.exclude_regions)
    regions = tuple(region for region in chosen if region not in settings.exclude_regions)
    if not regions:
        raise UsageError(f"{settings.naming('exclude_regions')}: there is no region left to list.")
    return regions


def _check_regions(settings: AwsSettings, session: Session, name: str, regions: Sequence[str]) -> None:
    """UsageError if Rekognition is not offered there; a region to leave out must only be one of AWS's."""
    others = [region for region in regions if region not in CUSTOM_LABELS_REGIONS]
    service = "ec2" if name == "exclude_regions" else "rekognition"
    known = {
        region
        for partition in (session.get_available_partitions() if others else ())  # reads botocore's models: 0.1 s
        for region in session.get_available_regions(service, partition_name=partition)
    }
    for region in others:
        if region in known:
            continue
        where = settings.naming(name, region) if name else f"AWS_DEFAULT_REGION or the profile's region is {region}"
        if name == "exclude_regions":
            near = difflib.get_close_matches(region, sorted(known), 1)
            raise UsageError(f"{where}: AWS has no such region.{f' Did you mean {near[0]}?' if near else ''}")
        raise UsageError(
            f"{where}: Rekognition has no such region. Custom Labels is offered in {', '.join(CUSTOM_LABELS_REGIONS)}."
        )


def _own_account(session: Session, region: str, stated: Sequence[str] = ()) -> str:
    """Ask STS whose credentials these are; an account that was stated must be the same.

    Where STS cannot be reached (a network without its endpoint), the statement stands, or a project's ARN tells.
    """
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard"})
    try:
        sts: Any = session.create_client("sts", region_name=region, config=config)
        account = str(sts.get_caller_identity()["Account"])
    except (aws.ClientError, aws.BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        known = stated[0] if stated else _account_of_a_project(session, region, config)
        if known is None:
            raise UsageError(
                f"AWS STS does not say whose credentials these are: {told(error)} Renew them, or "
                "check AWS_ENDPOINT_URL; where STS cannot be reached, state the account with --account."
            ) from error
        return known
    if stated and stated[0] != account:
        raise UsageError(
            f"--account {stated[0]}: these credentials belong to account {account}. "
            "Give --role NAME to assume a role in the other account."
        )
    return account


def _account_of_a_project(session: Session, region: str, config: Config) -> str | None:
    """Return the account in the ARN of any project there; None if there is none, or nobody answers."""
    try:
        client: Any = session.create_client("rekognition", region_name=region, config=config)
        answer = client.describe_projects(MaxResults=1)
        return str(answer["ProjectDescriptions"][0]["ProjectArn"]).split(":")[4]
    except (aws.ClientError, aws.BotoCoreError, ResponseParserError, LookupError, ValueError):
        return None


def _role_arn(role: str, account: str, region: str, session: Session) -> str:
    if role.startswith("arn:"):
        return role.replace("{account}", account)
    return f"arn:{session.get_partition_for_region(region)}:iam::{account}:role/{role}"

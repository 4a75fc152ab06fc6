"""Which scopes (account x region) the settings name, and whose credentials list each."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract import organization
from pipeline.extract.failures import sentence
from pipeline.extract.organization import LeftOut
from pipeline.extract.sessions import Sessions, own_regions
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings, check_together

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

    `home` is the region whose STS is called.
    """

    account_id: str
    profile: str | None
    role_arn: str | None
    home: str


@dataclass(frozen=True, slots=True)
class Target:
    """One scope, and whose credentials list it."""

    scope: Scope
    caller: Caller


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync lists: the targets in the order of their scopes, and the accounts that it leaves out."""

    targets: tuple[Target, ...]
    left_out: tuple[LeftOut, ...] = ()


def plan(settings: AwsSettings, sessions: Sessions) -> Plan:
    """Work out which scopes to list; UsageError if the settings cannot be carried out.

    In named accounts the role is assumed, the caller's own among them. In an organization it is assumed in every
    account but the caller's own, where the role need not exist: there the caller's own credentials are used. Calls STS
    for the caller's account, unless accounts are named with a role, and Organizations for its accounts.
    """
    check_together(settings)
    if len(settings.profiles) > 1:
        return _of_profiles(settings, sessions)
    base = sessions.of(settings.profile)
    regions = _regions(settings, base)
    home = regions[0]
    left_out: tuple[LeftOut, ...] = ()
    if settings.organization:
        own = _own_account(base, home)
        accounts, left_out = organization.accounts(settings, base, home)
        callers = [_caller(settings, account, base, home, is_own=account == own) for account in accounts]
    elif settings.role:
        accounts = _without(settings.accounts, settings.exclude_accounts)
        callers = [_caller(settings, account, base, home, is_own=False) for account in accounts]
    else:
        stated = _without(settings.accounts, settings.exclude_accounts)
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
        why = "".join(f" Account {left.account_id} is left out: {left.reason}." for left in left_out[:FEW])
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
    chosen = expanded(named)
    _check_regions(settings, session, "regions" if settings.regions else "", chosen)
    _check_regions(settings, session, "exclude_regions", settings.exclude_regions)
    regions = _without(chosen, settings.exclude_regions)
    if not regions:
        raise UsageError(f"{settings.naming('exclude_regions')}: there is no region left to list.")
    return regions


def _check_regions(settings: AwsSettings, session: Session, name: str, regions: Sequence[str]) -> None:
    """UsageError if Rekognition is not offered there; a region to leave out need only be one of AWS's."""
    known = known_regions(session, "ec2" if name == "exclude_regions" else "rekognition", regions)
    for region in regions:
        if region in known:
            continue
        where = settings.naming(name, region) if name else f"AWS_DEFAULT_REGION or the profile's region is {region}"
        if name == "exclude_regions":
            near = difflib.get_close_matches(region, sorted(known), 1)
            raise UsageError(f"{where}: AWS has no such region.{f' Did you mean {near[0]}?' if near else ''}")
        raise UsageError(
            f"{where}: Rekognition has no such region. Custom Labels is offered in {', '.join(CUSTOM_LABELS_REGIONS)}."
        )


def expanded(regions: Sequence[str]) -> tuple[str, ...]:
    """Return regions as they were named, each once; `all` stands for those that offer Custom Labels."""
    each = (CUSTOM_LABELS_REGIONS if region == "all" else (region,) for region in regions)
    return tuple(dict.fromkeys(itertools.chain.from_iterable(each)))


def known_regions(session: Session, service: str, wanted: Sequence[str]) -> set[str]:
    """Return the regions that offer a service: those of Custom Labels, and if others are wanted, all of botocore's."""
    known = set(CUSTOM_LABELS_REGIONS)
    if not known.issuperset(wanted):  # botocore reads its models for it, which takes 0.1 s
        for partition in session.get_available_partitions():
            known.update(session.get_available_regions(service, partition_name=partition))
    return known


def _without(names: Sequence[str], excluded: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in excluded)


def _own_account(session: Session, region: str, stated: Sequence[str] = ()) -> str:
    """Return the account that STS says these credentials are of; if one was stated, it must be the same.

    Where STS cannot be reached (a network without its endpoint), the stated account counts, or that of a project's ARN.
    """
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard"})
    try:
        sts: Any = session.create_client("sts", region_name=region, config=config)
        account = str(sts.get_caller_identity()["Account"])
    except (aws.ClientError, aws.BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        known = stated[0] if stated else _account_of_a_project(session, region, config)
        if known is None:
            raise UsageError(
                f"AWS STS does not say whose credentials these are: {sentence(error)} Renew them, or "
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
    """Return the account in the ARN of any project there; None if there is none, or no answer."""
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

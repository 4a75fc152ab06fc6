"""Whom to ask: the scopes (account x region) that the settings name, and whose credentials each is asked with."""

from __future__ import annotations

from dataclasses import dataclass

import boto3
import botocore.exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError

from pipeline.errors import UsageError
from pipeline.extract.failures import without_userinfo
from pipeline.extract.sessions import Sessions
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings

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
class LeftOut:
    """An account that the settings cover and that is not asked, and why: such as one that is suspended."""

    account_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync will ask: the targets in the order of their scopes, and what it leaves out."""

    targets: tuple[Target, ...]
    left_out: tuple[LeftOut, ...] = ()


def plan(settings: AwsSettings, sessions: Sessions) -> Plan:
    """Work out whom to ask; UsageError if the settings cannot be carried out.

    Asks STS whose credentials these are, unless a role is assumed in named accounts.
    """
    base = sessions.of(settings.profile)
    regions = _regions(settings, base)
    home = regions[0]
    if settings.role and settings.accounts:
        callers = [
            Caller(account, settings.profile, _role_arn(settings.role, account, home, base), home)
            for account in settings.accounts
        ]
    elif settings.role:
        raise UsageError("--role needs --account: name the accounts to assume it in.")
    else:
        callers = [Caller(_own_account(base, home, settings.accounts), settings.profile, None, home)]
    targets = [Target(Scope(region, caller.account_id), caller) for caller in callers for region in regions]
    return Plan(tuple(sorted(targets, key=lambda target: target.scope)))


def _regions(settings: AwsSettings, session: boto3.Session) -> tuple[str, ...]:
    regions = settings.regions or ((session.region_name,) if session.region_name else ())
    if not regions:
        raise UsageError("No region: give --region (it can be repeated), or set AWS_DEFAULT_REGION.")
    if "all" in regions:
        return CUSTOM_LABELS_REGIONS
    others = [region for region in regions if region not in CUSTOM_LABELS_REGIONS]
    known = {
        region
        for partition in (session.get_available_partitions() if others else ())  # reads botocore's models: 0.1 s
        for region in session.get_available_regions("rekognition", partition_name=partition)
    }
    for region in others:
        if region not in known:
            raise UsageError(
                f"--region {region}: Rekognition has no such region. Custom Labels is offered in "
                f"{', '.join(CUSTOM_LABELS_REGIONS)}."
            )
    return regions


def _own_account(session: boto3.Session, region: str, stated: tuple[str, ...]) -> str:
    """Ask STS whose credentials these are; an account that was stated must be the same.

    Where STS cannot be reached (a network without its endpoint), the statement stands, or a project's ARN tells.
    """
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard"})
    try:
        sts = session.client("sts", region_name=region, config=config)
        account = str(sts.get_caller_identity()["Account"])
    except (aws.ClientError, aws.BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        known = stated[0] if stated else _account_of_a_project(session, region, config)
        if known is None:
            raise UsageError(
                f"AWS STS does not say whose credentials these are: {without_userinfo(str(error))} Renew them, or "
                "check AWS_ENDPOINT_URL; where STS cannot be reached, state the account with --account."
            ) from error
        return known
    if stated and stated[0] != account:
        raise UsageError(
            f"--account {stated[0]}: these credentials belong to account {account}. "
            "Give --role NAME to assume a role in the other account."
        )
    return account


def _account_of_a_project(session: boto3.Session, region: str, config: Config) -> str | None:
    """Return the account in the ARN of any project there; None if there is none, or nobody answers."""
    try:
        answer = session.client("rekognition", region_name=region, config=config).describe_projects(MaxResults=1)
        return str(answer["ProjectDescriptions"][0]["ProjectArn"]).split(":")[4]
    except (aws.ClientError, aws.BotoCoreError, ResponseParserError, LookupError, ValueError):
        return None


def _role_arn(role: str, account: str, region: str, session: boto3.Session) -> str:
    if role.startswith("arn:"):
        return role.replace("{account}", account)
    return f"arn:{session.get_partition_for_region(region)}:iam::{account}:role/{role}"

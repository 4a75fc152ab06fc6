"""Whom to ask: the scopes (account x region) that the settings name, each with a client for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.exceptions as aws
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.parsers import ResponseParserError

from pipeline.errors import UsageError
from pipeline.extract.failures import explain, without_userinfo
from pipeline.extract.pacing import Pace
from pipeline.extract.tap import Tap
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

SESSION_NAME = "reklake"
_CREATING = threading.Lock()
"""Sessions are shared by the scopes' threads, and making a client is not safe there (boto3 guide, Session)."""
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60
"""Seconds; a page takes well under one."""


@dataclass(frozen=True, slots=True)
class Target:
    """One scope and how to reach it."""

    scope: Scope
    session: boto3.Session
    settings: AwsSettings

    def client(self) -> tuple[Any, Tap]:
        """Make the scope's Rekognition client with its hooks; ScopeError if there are no credentials for it."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": self.settings.max_attempts},
            max_pool_connections=self.settings.in_flight + 1,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            user_agent_extra="reklake",
        )
        try:
            with _CREATING:
                client = self.session.client("rekognition", region_name=self.scope.region, config=config)
        except (aws.BotoCoreError, ValueError) as error:
            raise explain(error, self.scope, "client") from error
        tap = Tap(Pace(self.settings.rate), max_attempts=self.settings.max_attempts)
        tap.attach(client)
        return client, tap


def plan(settings: AwsSettings) -> list[Target]:
    """Return the targets in the order of their scopes; UsageError if the settings cannot be carried out.

    Asks STS whose credentials these are, unless a role is assumed in named accounts.
    """
    base = _session(settings.profile)
    regions = _regions(settings, base)
    if settings.role and settings.accounts:
        sessions = {
            account: _assumed(base, _role_arn(settings.role, account, regions[0], base), regions[0])
            for account in settings.accounts
        }
    elif settings.role:
        raise UsageError("--role needs --account: name the accounts to assume it in.")
    else:
        sessions = {_own_account(base, regions[0], settings.accounts): base}
    return sorted(
        (
            Target(Scope(region, account), session, settings)
            for account, session in sessions.items()
            for region in regions
        ),
        key=lambda target: target.scope,
    )


def _session(profile: str | None) -> boto3.Session:
    try:
        session = boto3.Session(profile_name=profile)
        credentials = session.get_credentials()
    except aws.ProfileNotFound as error:
        known = ", ".join(botocore.session.Session(profile="default").available_profiles) or "none"
        raise UsageError(f"{error}. Profiles on this machine: {known}.") from error
    except aws.BotoCoreError as error:
        raise UsageError(f"The AWS configuration cannot be used: {error}.") from error
    if credentials is None:
        raise UsageError(
            "No AWS credentials found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or run `aws configure`; to try reklake without an account, run `reklake demo`."
        )
    return session


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


def _assumed(base: boto3.Session, role_arn: str, region: str) -> boto3.Session:
    """Return a session that assumes the role at its first call and again whenever its credentials run out."""
    source = base._session  # noqa: SLF001  # boto3 offers no way from its session to botocore's

    def sts_client(service: str, **options: Any) -> Any:
        return source.create_client(service, region_name=region, **options)

    fetch: Callable[[], Any] = AssumeRoleCredentialFetcher(
        client_creator=sts_client,
        source_credentials=source.get_credentials(),
        role_arn=role_arn,
        extra_args={"RoleSessionName": SESSION_NAME},
    ).fetch_credentials
    inner = botocore.session.Session(profile=source.profile)
    refreshed = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetch)
    vars(inner)["_credentials"] = refreshed  # there is no public way to give a session refreshable ones
    return boto3.Session(botocore_session=inner)

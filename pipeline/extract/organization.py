"""The accounts of an AWS organization or of some of its units; which are left out, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import botocore.exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.extract.failures import code_of, sentence
from pipeline.settings import AwsSettings

CONNECT_TIMEOUT = 10
"""Seconds."""
ATTEMPTS = 8
"""Of one call: Organizations throttles early, and many units take many calls."""
ACTIVE = "ACTIVE"
REASONS = {
    "SUSPENDED": "it is suspended",
    "PENDING_CLOSURE": "it is being closed",
    "PENDING_ACTIVATION": "it is not active yet",
    "CLOSED": "it is closed",
}
"""Why an account in such a state is left out."""
_NO_PARENT = frozenset({"ParentNotFoundException", "OrganizationalUnitNotFoundException", "RootNotFoundException"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied"})
_NO_ORGANIZATION = "AWSOrganizationsNotInUseException"

_Account: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An account that the settings cover and that is left out, and why: it may be suspended."""

    account_id: str
    reason: str


def accounts(settings: AwsSettings, session: Session, region: str) -> tuple[tuple[str, ...], tuple[LeftOut, ...]]:
    """Return the active accounts that the settings cover, and those that are not active, both sorted.

    UsageError if Organizations does not list them. A unit to leave out that does not exist is harmless.
    """
    config = Config(connect_timeout=CONNECT_TIMEOUT, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    try:
        # the region is for the partition; the service has one endpoint in each
        client = session.create_client("organizations", region_name=region, config=config)
        found = {str(account["Id"]): _state(account) for account in _covered(settings, client)}
    except (aws.ClientError, aws.BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        raise UsageError(_explained(error, settings)) from error
    wanted = {account: state for account, state in found.items() if account not in settings.exclude_accounts}
    return (
        tuple(sorted(account for account, state in wanted.items() if state == ACTIVE)),
        tuple(
            LeftOut(account, REASONS.get(state, f"its state is {state}"))
            for account, state in sorted(wanted.items())
            if state != ACTIVE
        ),
    )


def _covered(settings: AwsSettings, client: Any) -> Iterable[_Account]:
    if not settings.units and not settings.exclude_units:
        return _listed(client, "list_accounts", "Accounts")
    units = settings.units or [root["Id"] for root in _listed(client, "list_roots", "Roots")]
    return _beneath(units, set(settings.exclude_units), client)


def _beneath(units: Iterable[str], seen: set[str], client: Any) -> Iterator[_Account]:
    """Yield the accounts of these units and of all below, but not of units that are in `seen`, which grows."""
    waiting = list(units)
    while waiting:
        unit = waiting.pop()
        if unit in seen:
            continue
        seen.add(unit)
        yield from _listed(client, "list_accounts_for_parent", "Accounts", ParentId=unit)
        below = _listed(client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=unit)
        waiting.extend(str(child["Id"]) for child in below)


def _listed(client: Any, method: str, member: str, **parameters: str) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator(method).paginate(**parameters):
        yield from page[member]


def _state(account: _Account) -> str:
    """Return the account's state, which was called Status until September 2026.

    Where botocore is so old that it reads neither, the account counts as active: one that is suspended then fails by
    itself.
    """
    return str(account.get("State") or account.get("Status") or ACTIVE)


def _explained(error: Exception, settings: AwsSettings) -> str:
    code = code_of(error)
    said = f"{settings.naming('organization')}: AWS Organizations does not list the accounts: "
    if code == _NO_ORGANIZATION:
        return (
            f"{said}the credentials' account is in no organization ({code}). Use credentials of the organization's "
            "management account, or name the accounts with --account."
        )
    if code in _DENIED:
        names = "organizations:ListAccounts"
        if settings.units or settings.exclude_units:
            names = "organizations:ListAccountsForParent and organizations:ListOrganizationalUnitsForParent"
        if settings.exclude_units and not settings.units:
            names = f"organizations:ListRoots, {names}".replace(" and ", ", ")
        return (
            f"{said}{sentence(error)} Only the management account and delegated administrators may ask: use their "
            f"credentials (--profile) and allow {names}, or name the accounts with --account."
        )
    if code in _NO_PARENT:
        return (
            f"{settings.naming('units')}: the organization has no such unit: {sentence(error)} "
            "`aws organizations list-organizational-units-for-parent` shows them."
        )
    return f"{said}{sentence(error)} Try again, or name the accounts with --account."

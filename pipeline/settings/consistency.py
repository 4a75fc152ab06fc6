"""Checks for settings that contradict or need one another; commands that ask AWS run them before the first call."""

from __future__ import annotations

from pipeline.errors import UsageError
from pipeline.settings.model import AwsSettings


def check_consistency(aws: AwsSettings) -> None:
    """UsageError if settings contradict one another, or lack another that they need."""
    _check_targets(aws)
    _check_role(aws)
    for name in ("regions", "accounts", "units"):
        chosen, exclude = set(getattr(aws, name)), f"exclude_{name}"
        if chosen and "all" not in chosen and chosen <= set(getattr(aws, exclude)):
            raise UsageError(f"{aws.naming(exclude)}: leaves nothing of {aws.naming(name)}: omit one of them.")


def _check_targets(aws: AwsSettings) -> None:
    if aws.organization and aws.accounts:
        raise UsageError(
            f"{aws.naming('organization')} and {aws.naming('accounts')} exclude each other: name the accounts, or use "
            "those of the organization (and leave some out with --exclude-account)."
        )
    if len(aws.profiles) > 1:
        for name in ("organization", "accounts", "role"):
            if getattr(aws, name):
                raise UsageError(
                    f"{aws.naming('profiles')}: each of several profiles is an account with its own credentials; "
                    f"they cannot be combined with {aws.naming(name)}. Give one profile, or omit that."
                )
    for name in ("units", "exclude_units"):
        if getattr(aws, name) and not aws.organization:
            raise UsageError(f"{aws.naming(name)} needs --organization (organization = true in reklake.toml).")


def _check_role(aws: AwsSettings) -> None:
    if aws.role and not (aws.accounts or aws.organization):
        raise UsageError(f"{aws.naming('role')} needs --account or --organization, the accounts to assume it in.")
    if aws.external_id and not aws.role:
        raise UsageError(f"{aws.naming('external_id')} needs --role: it is sent when a role is assumed.")
    if aws.organization and not aws.role:
        raise UsageError(f"{aws.naming('organization')} needs --role NAME, the role to assume in each account.")
    accounts = [account for account in aws.accounts if account not in aws.exclude_accounts]
    if len(accounts) > 1 and not aws.role:
        raise UsageError(f"{aws.naming('accounts')}: several accounts need --role NAME, the role to assume in each.")
    if aws.role and aws.role.startswith("arn:") and "{account}" not in aws.role:
        owner = aws.role.split(":")[4]
        if aws.organization or any(account != owner for account in accounts):
            raise UsageError(
                f"{aws.naming('role', aws.role)}: belongs to account {owner} only: put {{account}} in its place, or "
                "give the role's name."
            )

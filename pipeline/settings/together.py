"""What cannot be set together, or not alone: looked at by the commands that ask AWS, before they ask anything."""

from __future__ import annotations

from pipeline.errors import UsageError
from pipeline.settings.model import AwsSettings


def check_together(aws: AwsSettings) -> None:
    """UsageError if the settings contradict one another, or leave open what they need."""
    _check_whom(aws)
    _check_role(aws)
    for name, exclude in (
        ("regions", "exclude_regions"),
        ("accounts", "exclude_accounts"),
        ("units", "exclude_units"),
    ):
        chosen = set(getattr(aws, name))
        if chosen and "all" not in chosen and chosen <= set(getattr(aws, exclude)):
            raise UsageError(f"{aws.naming(exclude)}: leaves nothing of {aws.naming(name)}: leave one of them out.")


def _check_whom(aws: AwsSettings) -> None:
    if aws.organization and aws.accounts:
        raise UsageError(
            f"{aws.naming('organization')} and {aws.naming('accounts')} exclude each other: name the accounts, or take "
            "those of the organization (and leave some out with --exclude-account)."
        )
    if len(aws.profiles) > 1:
        for name in ("organization", "accounts", "role"):
            if getattr(aws, name):
                raise UsageError(
                    f"{aws.naming('profiles')}: several profiles are an account each, asked with its own credentials; "
                    f"they cannot stand beside {aws.naming(name)}. Give one profile, or leave that out."
                )
    for name in ("units", "exclude_units"):
        if getattr(aws, name) and not aws.organization:
            raise UsageError(f"{aws.naming(name)} needs --organization (organization = true in reklake.toml).")


def _check_role(aws: AwsSettings) -> None:
    if aws.role and not (aws.accounts or aws.organization):
        raise UsageError(f"{aws.naming('role')} needs --account or --organization: say in which accounts to assume it.")
    if aws.external_id and not aws.role:
        raise UsageError(f"{aws.naming('external_id')} needs --role: it is said when a role is assumed.")
    if aws.organization and not aws.role:
        raise UsageError(f"{aws.naming('organization')} needs --role NAME, the role to assume in each account.")
    accounts = [one for one in aws.accounts if one not in aws.exclude_accounts]
    if len(accounts) > 1 and not aws.role:
        raise UsageError(f"{aws.naming('accounts')}: several accounts need --role NAME, the role to assume in each.")
    if aws.role and aws.role.startswith("arn:") and "{account}" not in aws.role:
        its_own = aws.role.split(":")[4]
        if aws.organization or any(one != its_own for one in accounts):
            raise UsageError(
                f"{aws.naming('role', aws.role)}: is of account {its_own} only: put {{account}} in its place, or give "
                "its name."
            )

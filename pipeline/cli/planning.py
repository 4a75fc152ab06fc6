"""The command that looks ahead: plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pipeline.cli import options as of
from pipeline.cli.moments import span
from pipeline.cli.output import table_of, write
from pipeline.cli.render import Format

if TYPE_CHECKING:
    from pipeline.jobs.plan import Expected, Forecast

COLUMNS = (
    "account_id",
    "region",
    "role_arn",
    "profile",
    "calls",
    "seconds",
    "projects",
    "versions",
    "listed_at",
)


def plan(
    lake: of.Lake = None,
    region: of.Region = None,
    exclude_region: of.ExcludeRegion = None,
    account: of.Account = None,
    exclude_account: of.ExcludeAccount = None,
    organization: of.Organization = None,
    unit: of.Unit = None,
    exclude_unit: of.ExcludeUnit = None,
    role: of.Role = None,
    external_id: of.ExternalId = None,
    session_name: of.SessionName = None,
    profile: of.Profile = None,
    details: of.With = None,
    rate: of.Rate = None,
    burst: of.Burst = None,
    form: of.AsFormat = Format.table,
    config: of.Config = None,
) -> None:
    """Show whom a sync with the same options would ask, with how many calls, and how long it takes at least.

    Lists nothing and writes nothing; it asks STS and Organizations whose the accounts are. One row an account and
    region: the calls are those of its last complete listing (empty if the last runs had none), the seconds the
    shortest time in which the quota allows them. The sum of all stands on stderr.

    Examples:

        reklake plan --region all --account 111122223333 --account 444455556666 --role ReadModels

        reklake plan --organization --exclude-ou ou-ab12-cdef3456 --role ReadModels --format csv
    """
    from pipeline import settings
    from pipeline.jobs.plan import forecast

    chosen = settings.load(
        lake=lake,
        config=config,
        regions=region,
        exclude_regions=exclude_region,
        accounts=account,
        exclude_accounts=exclude_account,
        organization=organization,
        units=unit,
        exclude_units=exclude_unit,
        role=role,
        external_id=external_id,
        session_name=session_name,
        profiles=profile,
        details=details,
        rate=rate,
        burst=burst,
    )
    found = forecast(chosen)
    write(table_of(COLUMNS, [_row(one) for one in found.scopes]), form)
    for line in summary(found, chosen.aws.rate):
        typer.echo(line, err=True)


def summary(found: Forecast, rate: float) -> list[str]:
    """Say what the rows come to."""
    scopes = [one.target.scope for one in found.scopes]
    accounts, regions = len({one.account_id for one in scopes}), len({one.region for one in scopes})
    lines = [f"{_count(len(scopes), 'scope')}: {_count(accounts, 'account')}, {_count(regions, 'region')}"]
    if found.unknown:
        lines[0] += f"; {'none was' if found.unknown == len(scopes) else f'{found.unknown:,} never'} listed before"
    if found.slowest:
        lines.append(
            f"{found.calls_bound} {_count(found.calls, 'call')}; at {rate:g} a second for each operation, account and "
            f"region the shortest time is {found.seconds_bound} {span(found.slowest.seconds or 0)} "
            f"({found.slowest.target.scope})"
        )
    lines += [f"account {one.account_id} is left out: {one.reason}" for one in found.left_out]
    return lines


def _row(one: Expected) -> tuple[object, ...]:
    scope, caller = one.target.scope, one.target.caller
    return (
        scope.account_id,
        scope.region,
        caller.role_arn,
        caller.profile,
        one.calls,
        one.seconds,
        one.projects,
        one.versions,
        one.listed_at,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

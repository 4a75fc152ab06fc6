"""The commands before a sync: plan, which shows what it would do, and doctor, which checks what could go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import AsFormat, Flags, with_aws_options
from pipeline.cli.output import table_of, write
from pipeline.cli.render import Format, printable
from pipeline.errors import UsageError
from pipeline.jobs.units import counted, span

if TYPE_CHECKING:
    from pipeline.jobs.plan import Expected, Forecast
    from pipeline.model.finding import Finding

PLAN_COLUMNS = ("account_id", "region", "role_arn", "profile", "calls", "seconds", "projects", "versions", "listed_at")
FINDING_COLUMNS = ("level", "subject", "finding", "remedy")
COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


@with_aws_options
def plan(flags: Flags, form: AsFormat = Format.table) -> None:
    """Show which accounts and regions a sync would query and how many calls it would make.

    Lists nothing and writes nothing; it only asks STS and Organizations for the accounts. Each row is an account and
    region, with the calls of the listing that its published rows come from (empty if there are none) and the shortest
    time in seconds that the quota allows. The totals go to stderr.

    Examples:

        reklake plan --region all --account 111122223333 --account 444455556666 --role ReadModels

        reklake plan --organization --exclude-ou ou-ab12-cdef3456 --role ReadModels --format csv
    """
    from pipeline import settings
    from pipeline.jobs.plan import forecast

    chosen = settings.load(**flags)
    expected = forecast(chosen)
    write(table_of(PLAN_COLUMNS, [_plan_row(scope) for scope in expected.scopes]), form)
    for line in totals(expected, chosen.aws.rate):
        typer.echo(line, err=True)


def totals(expected: Forecast, rate: float) -> list[str]:
    """Return the totals of a plan in words, and the accounts that it leaves out."""
    scopes = [found.target.scope for found in expected.scopes]
    accounts, regions = len({scope.account_id for scope in scopes}), len({scope.region for scope in scopes})
    lines = [f"{counted(len(scopes), 'scope')}: {counted(accounts, 'account')}, {counted(regions, 'region')}"]
    if expected.unknown:
        never = "none was" if expected.unknown == len(scopes) else f"{expected.unknown:,} never"
        lines[0] += f"; {never} listed before"
    bound = "at least" if expected.is_low else "about"
    if expected.slowest:
        lines.append(
            f"{bound} {counted(expected.calls, 'call')}; at {rate:g} a second for each operation, account and region "
            f"the shortest time is {bound} {span(expected.slowest.seconds or 0)} ({expected.slowest.target.scope})"
        )
    lines += [f"account {left_out.account_id} is left out: {left_out.reason}" for left_out in expected.left_out]
    return lines


def _plan_row(found: Expected) -> tuple[object, ...]:
    from pipeline.lake.run_record import text_of

    scope, caller, last = found.target.scope, found.target.caller, found.last
    listing = (last.projects, last.versions, text_of(last.listed_at)) if last else (None, None, None)
    return (scope.account_id, scope.region, caller.role_arn, caller.profile, found.calls, found.seconds, *listing)


@with_aws_options
def doctor(
    flags: Flags,
    no_aws: Annotated[bool, typer.Option("--no-aws", help="Check the lake only; make no calls to AWS.")] = False,
    no_lake: Annotated[bool, typer.Option("--no-lake", help="Check AWS only; do not read the lake.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Rebuild lake.duckdb if it does not show the snapshot.")] = False,
    form: AsFormat = Format.table,
) -> None:
    """Check for problems: credentials, permissions, regions, clock, versions, and the lake.

    Changes nothing, unless you give --fix. With the options of a sync, it tries every kind of call that the sync would
    make, once in each account and region. It reads the whole lake and compares it with its checksums. Each line is ok,
    warn or fail, and suggests a fix for each problem. Exits 1 if any line is fail.

    Examples:

        reklake doctor --no-lake --region us-east-1

        reklake doctor --region all --organization --role ReadModels --with datasets,tags

        reklake doctor --no-aws --lake data/lake --fix
    """
    from pipeline import settings
    from pipeline.jobs.doctor import examine

    if no_lake and (no_aws or fix):
        raise UsageError("--no-lake leaves nothing to check with --no-aws, and nothing to --fix: omit one of them.")
    found = []
    for finding in examine(settings.load(**flags), is_aws=not no_aws, is_lake=not no_lake, fix=fix):
        found.append(finding)
        if form is Format.table:  # people wait for it: each line as it comes
            typer.echo(f"{typer.style(f'{finding.level:<4}', COLORS[finding.level])}  {_line(finding)}")
    if form is not Format.table:
        rows = [(str(finding.level), finding.subject, finding.message, finding.remedy or None) for finding in found]
        write(table_of(FINDING_COLUMNS, rows), form)
    if any(finding.level == "fail" for finding in found):
        raise typer.Exit(Exit.FAILED)


def _line(finding: Finding) -> str:
    fix = f"\n      fix: {printable(finding.remedy)}" if finding.remedy else ""
    return printable(f"{finding.subject}: {finding.message}") + fix

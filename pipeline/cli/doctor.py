"""The command that looks for everything that can be wrong: doctor."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options as of
from pipeline.cli.exits import Exit
from pipeline.cli.output import table_of, write
from pipeline.cli.render import Format
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.model.finding import Finding

COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
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
    no_aws: Annotated[bool, typer.Option("--no-aws", help="Ask AWS nothing; look at the lake only.")] = False,
    no_lake: Annotated[bool, typer.Option("--no-lake", help="Do not look at the lake; ask AWS only.")] = False,
    form: of.AsFormat = Format.table,
    config: of.Config = None,
) -> None:
    """Look for everything that can be wrong: credentials, permissions, regions, clock, versions, and the lake.

    Changes nothing. With the options of a sync, every call that it would make is tried once in each account and
    region. The lake is read whole and compared with its checksums. Each line is ok, warn or fail, with its mend.
    Exits 1 when anything fails.

    Examples:

        reklake doctor --no-lake --region us-east-1

        reklake doctor --region all --organization --role ReadModels --with datasets,tags

        reklake doctor --no-aws --lake data/lake --format json
    """
    from pipeline import settings
    from pipeline.jobs.doctor import examine

    if no_aws and no_lake:
        raise UsageError("--no-aws and --no-lake leave nothing to look at: leave one of them out.")
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
    )
    findings = examine(chosen, is_aws=not no_aws, is_lake=not no_lake)
    if form is Format.table and sys.stdout.isatty():
        levels = {str(one.level) for one in _shown(findings)}
    else:
        found = list(findings)
        rows = [(str(one.level), one.subject, one.message, one.remedy or None) for one in found]
        write(table_of(("level", "subject", "finding", "mend"), rows), form)
        levels = {str(one.level) for one in found}
    if "fail" in levels:
        raise typer.Exit(Exit.FAILED)


def _shown(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Show each finding on the terminal as it comes."""
    from rich.console import Console
    from rich.text import Text

    from pipeline.cli.render import printable

    console = Console()
    for one in findings:
        said = f"  {printable(f'{one.subject}: {one.message}')}"
        if one.remedy:
            said += f"\n      mend: {printable(one.remedy)}"
        console.print(Text.assemble((f"{one.level:<4}", COLORS[one.level]), said), soft_wrap=True)
        yield one

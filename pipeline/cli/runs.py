"""The commands that export: sync, replay, verify."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options as of
from pipeline.cli.exits import ANY_FAILURE, Exit, FailOn
from pipeline.cli.render import printable
from pipeline.cli.summary import lines
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.jobs.run_context import Result

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing while it runs.")]
SHOWN = 20


def sync(
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
    resume_within: Annotated[
        float | None,
        typer.Option(
            "--resume-within",
            metavar="SECONDS",
            min=0,
            help="Take over what a run that died had listed, if it is not older; 0: list everything.  (default: 3600)",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Publish nothing unless every scope is complete; exit 1 then.")
    ] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="any|all|KINDS",
            help="Which failed scopes make the exit code 3: any, only if all failed (which exits 1), or those of some "
            "kinds, such as denied,credentials.",
        ),
    ] = "any",
    metrics_file: Annotated[
        Path | None,
        typer.Option("--metrics-file", help="Write how it ended to this file, for Prometheus.", show_default=False),
    ] = None,
    log_format: of.Log = of.LogFormat.auto,
    config: of.Config = None,
    quiet: Quiet = False,
) -> None:
    """List every project and model version, and publish them as a new snapshot.

    Credentials come from where boto3 finds them (profile, environment, instance role). A scope (account and
    region) that fails keeps its last rows, and the exit code is 3.

    Examples:

        reklake sync --region us-east-1

        reklake sync --region us-east-1 --region eu-west-1 --profile production

        reklake sync --region all --account 111122223333 --account 444455556666 --role ReadModels

        reklake sync --region all --organization --role ReadModels --strict

        reklake sync --quiet --metrics-file /var/lib/node_exporter/reklake.prom
    """
    from pipeline import settings
    from pipeline.cli.measures import measured
    from pipeline.cli.progress import watching
    from pipeline.jobs.sync import sync as run_sync

    with measured(metrics_file) as measures:
        accepted = FailOn.parse(fail_on)
        chosen = settings.load(
            lake=lake,
            config=config,
            resume_within=resume_within,
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
        measures.settings = chosen
        with watching(quiet=quiet, form=log_format) as observe:
            result = run_sync(chosen, observe, strict=strict)
        result = measures.take(result)
    report(result)
    leave([result], accepted)


def replay(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Id of the run, as in raw/ and in the view runs.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Replay every landed run, in the order they were made.")] = False,
    lake: of.Lake = None,
    log_format: of.Log = of.LogFormat.auto,
    config: of.Config = None,
    quiet: Quiet = False,
) -> None:
    """Flatten the pages that a run landed again, and publish them, without asking AWS.

    Rows that the lake has from a later listing stay: history goes forward only. All landed runs, replayed into a lake
    that has only their raw/ folder, give the same tables and the same history.

    Examples:

        reklake replay 20261123T040000Z-5d1f3a07

        reklake replay --all --lake rebuilt
    """
    from pipeline import settings
    from pipeline.cli.progress import watching
    from pipeline.jobs import replay as replays

    if (run_id is None) == (not every):
        raise UsageError("give one run, or --all")
    chosen = settings.load(lake=lake, config=config)
    results = []
    with watching(quiet=quiet, form=log_format) as observe:
        for one in [run_id] if run_id else replays.replayable(chosen):
            results.append(replays.replay(chosen, one, observe))
            report(results[-1])
    leave(results)


def verify(lake: of.Lake = None, config: of.Config = None) -> None:
    """Rebuild every API description from the tables, and compare it with the page it came on.

    Absent, null, {} and [] count as equal; everything else must be found again exactly. Exit code 1 if not.

    Example:

        reklake verify --lake data/lake
    """
    from pipeline import settings
    from pipeline.jobs.verify import verify as compare
    from pipeline.lake import open_lake

    chosen = settings.load(lake=lake, config=config)
    found = compare(open_lake(chosen.lake, chosen.aws.profile))
    typer.echo(f"{found.descriptions:,} descriptions on {found.pages:,} landed pages compared with the tables")
    for difference in found.differences[:SHOWN]:
        typer.echo(printable(f"  {difference}"))
    if len(found.differences) > SHOWN:
        typer.echo(f"  and {len(found.differences) - SHOWN:,} more")
    if found.differences:
        typer.echo(f"{len(found.differences):,} differences")
        raise typer.Exit(Exit.FAILED)
    typer.echo("all found again")


def report(result: Result) -> None:
    """Print what a run came to, and what a person should act on; whoever reads it may have gone."""
    try:
        for line in lines(result):
            typer.echo(printable(line))
        sys.stdout.flush()
    except BrokenPipeError:
        # the exit code is the run's all the same; leave nothing for the interpreter to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave(results: Sequence[Result], fail_on: FailOn = ANY_FAILURE) -> None:
    """End the command with the exit code of its runs: failed only if all of them are."""
    from pipeline.lake.run_record import Outcome

    if all(result.record.outcome is Outcome.FAILED for result in results):
        raise typer.Exit(Exit.FAILED)
    if any(fail_on.is_met(result) for result in results):
        raise typer.Exit(Exit.PARTIAL)

"""The commands that export: sync, replay, verify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import ANY_FAILURE, Exit, FailOn
from pipeline.cli.options import Config, Flags, Lake, Log, LogFormat, Quiet, with_aws_options
from pipeline.cli.output import to_stdout
from pipeline.cli.render import printable
from pipeline.cli.summary import lines
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.jobs.run_context import RunResult

SHOWN_DIFFERENCES = 20


@with_aws_options
def sync(
    flags: Flags,
    resume_within: Annotated[
        float | None,
        typer.Option(
            "--resume-within",
            metavar="SECONDS",
            min=0,
            help="Reuse listings of a run that died, up to this age; 0 lists everything again.  (default: 3600)",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Publish nothing and exit 1 unless every scope is complete.")
    ] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="any|all|KINDS",
            help="Which failed scopes make the exit code 3: any; all (only if every scope failed, which exits 1); or "
            "those of some kinds, such as denied,credentials.",
        ),
    ] = "any",
    metrics_file: Annotated[
        Path | None, typer.Option("--metrics-file", help="Write the outcome to this file, for Prometheus.")
    ] = None,
    log_format: Log = LogFormat.auto,
    quiet: Quiet = False,
) -> None:
    """List every project and model version, and publish them as a new snapshot.

    Credentials come from where boto3 finds them (profile, environment, instance role). A scope (an account and region)
    that fails keeps its last rows, and the exit code is 3.

    Examples:

        reklake sync --region us-east-1

        reklake sync --region us-east-1 --region eu-west-1 --profile production

        reklake sync --region all --account 111122223333 --account 444455556666 --role ReadModels

        reklake sync --region all --organization --role ReadModels --strict

        reklake sync --quiet --metrics-file /var/lib/node_exporter/reklake.prom
    """
    from pipeline import settings
    from pipeline.cli.metrics import RunMetrics
    from pipeline.cli.progress import watching
    from pipeline.jobs.sync import sync as run_sync

    with RunMetrics(metrics_file) as metrics:
        accepted = FailOn.parse(fail_on)
        metrics.settings = settings.load(resume_within=resume_within, **flags)
        with watching(quiet=quiet, form=log_format) as observe:
            result = run_sync(metrics.settings, observe, strict=strict)
        result = metrics.write(result)
    report(result)
    leave([result], accepted)


def replay(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Id of the run, as in raw/ and in the view runs.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Replay every run that has raw pages, oldest first.")] = False,
    lake: Lake = None,
    log_format: Log = LogFormat.auto,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Flatten the raw pages of an earlier run again, and publish the rows, without asking AWS.

    Rows from a later listing stay: history only goes forward. Replaying every run into a lake that has only its raw/
    folder gives the same tables and the same history.

    Examples:

        reklake replay 20261123T040000Z-5d1f3a07

        reklake replay --all --lake rebuilt
    """
    from pipeline import settings
    from pipeline.cli.progress import watching
    from pipeline.jobs.replay import replay as replay_run
    from pipeline.jobs.replay import replayable

    if (run_id is None) == (not every):
        raise UsageError("give either the id of a run, or --all")
    chosen = settings.load(lake=lake, config=config)
    results = []
    with watching(quiet=quiet, form=log_format) as observe:
        for replayed in [run_id] if run_id else replayable(chosen):
            results.append(replay_run(chosen, replayed, observe))
            report(results[-1])
    leave(results)


def verify(lake: Lake = None, config: Config = None) -> None:
    """Rebuild every API description from the tables, and compare it with the raw page that it came from.

    Absent, null, {} and [] count as equal; everything else must match exactly. Exits 1 if anything differs.

    Example:

        reklake verify --lake data/lake
    """
    from pipeline import settings
    from pipeline.jobs.units import counted
    from pipeline.jobs.verify import verify as compare
    from pipeline.lake import open_lake

    chosen = settings.load(lake=lake, config=config)
    found = compare(open_lake(chosen.lake, chosen.aws.profile))
    typer.echo(f"{found.descriptions:,} descriptions on {found.pages:,} raw pages compared with the tables")
    for difference in found.differences[:SHOWN_DIFFERENCES]:
        typer.echo(printable(f"  {difference}"))
    if len(found.differences) > SHOWN_DIFFERENCES:
        typer.echo(f"  and {len(found.differences) - SHOWN_DIFFERENCES:,} more")
    if found.differences:
        typer.echo(counted(len(found.differences), "difference"))
        raise typer.Exit(Exit.FAILED)
    typer.echo("all match")


def report(result: RunResult) -> None:
    """Print how a run ended, and what needs attention. The exit code is the run's, even if nobody reads the report."""
    with to_stdout():
        for line in lines(result):
            typer.echo(printable(line))


def leave(results: Sequence[RunResult], fail_on: FailOn = ANY_FAILURE) -> None:
    """End the command with the exit code of its runs, which is FAILED only if all of them failed."""
    from pipeline.lake.run_record import Outcome

    if all(result.record.outcome is Outcome.FAILED for result in results):
        raise typer.Exit(Exit.FAILED)
    if any(fail_on.is_met(result) for result in results):
        raise typer.Exit(Exit.PARTIAL)

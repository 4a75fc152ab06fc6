"""The commands that need no AWS account: demo and emulator."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEMO_LAKE = "data/demo"
DEMO_REGIONS = ("us-east-1", "eu-west-1")
DEMO_RATE = 50.0
DEMO_QUERY = (
    "select project_name, version_count, best_version_name, best_f1_score, f1_score_change, training_cost "
    "from project_summary order by training_cost desc nulls last"
)


def demo(
    lake: Annotated[str, typer.Option("--lake", help="The folder to export to; REKLAKE_LAKE is ignored.")] = DEMO_LAKE,
) -> None:
    """Export a made-up organisation from the built-in endpoint over HTTP, and query the result.

    Needs no AWS account. The endpoint listens on loopback only and stops with the command. One of its projects,
    `my-project`, answers as in AWS's documentation.

    Example:

        reklake demo --lake data/demo
    """
    from pipeline import settings
    from pipeline.cli.progress import watching
    from pipeline.cli.query import sql
    from pipeline.cli.runs import leave, report
    from pipeline.emulator import Emulator
    from pipeline.jobs.sync import sync

    with (
        _as_usage_error(),
        Emulator() as endpoint,
        _environment(endpoint.environment()),
        watching(quiet=not sys.stderr.isatty()) as observe,
    ):
        typer.echo(f"endpoint with a made-up organisation: {endpoint.url}")
        chosen = settings.load(lake=lake, regions=DEMO_REGIONS, rate=DEMO_RATE, environment={})
        result = sync(chosen, observe)
    report(result)
    leave([result])
    typer.echo(f"\nreklake sql --lake {lake} {shlex.quote(DEMO_QUERY)}\n")
    sql(DEMO_QUERY, lake=lake)
    typer.echo("\nTry next:")
    for query in ("from running_models", "from training_failures", "from copy_lineage"):
        typer.echo(f"  {sys.argv[0]} sql --lake {lake} {shlex.quote(query)}")


def emulator(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 picks a free one.")] = 5000,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the generated projects (with --projects).")] = 7,
    projects: Annotated[
        int | None,
        typer.Option(
            "--projects",
            min=0,
            help="Generate this many projects in each account and region.  (default: the organisation of the demo)",
        ),
    ] = None,
    versions: Annotated[
        int, typer.Option("--versions", min=0, help="Average versions of a project (with --projects).")
    ] = 8,
    region: Annotated[
        list[str] | None, typer.Option("--region", help="Regions that have projects (with --projects).")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Accounts that have projects (with --projects).")
    ] = None,
    tps: Annotated[
        float | None, typer.Option("--tps", help="The quota, in calls a second for each operation, account and region.")
    ] = None,
    throttle_rate: Annotated[
        float, typer.Option("--throttle-rate", min=0, max=1, help="Share of calls throttled at random.")
    ] = 0.0,
    error_rate: Annotated[
        float, typer.Option("--error-rate", min=0, max=1, help="Share of calls that fail with HTTP 500.")
    ] = 0.0,
    latency: Annotated[float, typer.Option("--latency", min=0, help="Seconds that every answer takes.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="A fault, such as cut_body,operation=DescribeProjects,nth=2; repeatable."),
    ] = None,
    refuse: Annotated[
        list[str] | None, typer.Option("--refuse", help="An account whose roles cannot be assumed, repeatable.")
    ] = None,
) -> None:
    """Serve Rekognition Custom Labels on this machine, to test code that uses it.

    Answers DescribeProjects, DescribeProjectVersions, DescribeDataset, ListDatasetEntries, ListDatasetLabels,
    ListProjectPolicies and ListTagsForResource for a made-up organisation; moto serves S3, STS and Organizations at the
    same address. Signatures are not checked. Ctrl-C stops it. A --fault is a kind (throttle, cut_body, html, reset,
    expired_token, vanished, access_denied, region_not_enabled, ...) and the calls that it affects (operation, region,
    account, project, page, nth, every, probability, times).

    Examples:

        reklake emulator --port 5000 --tps 5

        reklake emulator --projects 100 --versions 50 --throttle-rate 0.1

        AWS_ENDPOINT_URL=http://127.0.0.1:5000 aws rekognition describe-projects
    """
    from pipeline.emulator import DEFAULT_ACCOUNT, Emulator, Fault, RandomWorld, demo_world

    with _as_usage_error():
        world = (
            demo_world()
            if projects is None
            else RandomWorld(
                seed,
                accounts=tuple(account or (DEFAULT_ACCOUNT,)),
                regions=tuple(region or DEMO_REGIONS),
                projects=projects,
                versions=versions,
            )
        )
        faults = [Fault.parse(rule) for rule in fault or ()]
        if throttle_rate:
            faults.append(Fault("throttle", probability=throttle_rate))
        if error_rate:
            faults.append(Fault("internal_error", probability=error_rate))
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with (
            suppress(KeyboardInterrupt),
            Emulator(
                world,
                faults=faults,
                host=host,
                port=port,
                refused=refuse or (),
                tps=tps,
                latency=latency,
            ) as endpoint,
        ):
            typer.echo("\n".join(f"export {name}={value}" for name, value in endpoint.environment().items()))
            typer.echo(f"serving at {endpoint.url}; Ctrl-C stops it", err=True)
            endpoint.serve_forever()


@contextmanager
def _as_usage_error() -> Iterator[None]:
    """Turn the errors of the emulator, which is a package of its own, into ours."""
    from pipeline.emulator import EmulatorError

    try:
        yield
    except EmulatorError as error:
        raise UsageError(str(error)) from error


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace the user's own AWS variables with these, which boto3 reads."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

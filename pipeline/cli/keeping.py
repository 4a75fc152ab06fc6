"""Keeping a lake: the commands rollback, gc and pull."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.moments import duration
from pipeline.cli.options import AsFormat, Config, Lake
from pipeline.cli.output import table_of, write
from pipeline.cli.render import Format


def rollback(
    snapshot: Annotated[
        str | None,
        typer.Argument(
            metavar="[SNAPSHOT]",
            help="Id of the snapshot to return to.  (default: the last one before the current that is whole)",
            show_default=False,
        ),
    ] = None,
    lake: Lake = None,
    config: Config = None,
) -> None:
    """Return to an earlier snapshot, with its history; the files of the later ones stay.

    The snapshot is read and compared with its checksums first. The next sync goes on from it: what has changed since
    is found again, as of that sync.

    Examples:

        reklake rollback

        reklake rollback 20261123T040000Z-5d1f3a07
    """
    from pipeline import settings
    from pipeline.jobs.rollback import rollback as return_to

    result = return_to(settings.load(lake=lake, config=config), snapshot)
    rows = ", ".join(f"{name} {count:,}" for name, count in result.rows.items())
    typer.echo(f"run {result.record.run_id}: CURRENT names snapshot {result.record.snapshot} again: {rows}")
    if result.warning:
        typer.echo(f"but not all is up to date: {result.warning}")
        raise typer.Exit(Exit.PARTIAL)


def gc(
    lake: Lake = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove them; without it they are only listed.")] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=1,
            help="Snapshots that stay, the newest.  (default: retention.snapshots in reklake.toml, else 10)",
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help="Remove only what is older, such as 30d or 12h.  (default: by kind: retention in reklake.toml, else "
            "snapshots 7d, raw pages 30d, run records 400d)",
            show_default=False,
        ),
    ] = None,
    form: AsFormat = Format.table,
    config: Config = None,
) -> None:
    """List what the lake can do without: old snapshots, landed pages and run records that nothing refers to.

    Never goes: the current snapshot, the one that lake.duckdb shows, the pages that the rows of snapshots that stay
    came on, and the records of runs that changed something. Nothing is removed without --delete.

    Examples:

        reklake gc

        reklake gc --keep 5 --older-than 14d --delete
    """
    from pipeline import settings
    from pipeline.jobs import gc as retention

    age = duration(older_than, "--older-than") if older_than else None
    chosen = settings.load(lake=lake, config=config).with_retention(
        snapshots=keep, days=None if age is None else age / timedelta(days=1)
    )
    removals = retention.collect(chosen, is_dry=not delete)
    write(table_of(("name", "bytes", "reason"), [(one.name, one.bytes, one.reason) for one in removals]), form)
    total = f"{len(removals):,} to remove" if not delete else f"{len(removals):,} removed"
    freed = sum(one.bytes for one in removals)
    more = " Nothing was removed yet: give --delete." if removals and not delete else ""
    typer.echo(f"{total}, {freed:,} bytes.{more}", err=True)


def pull(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to bring it to; made if it is not there.")],
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", help="Another snapshot than the current one.", show_default=False)
    ] = None,
    lake: Lake = None,
    config: Config = None,
) -> None:
    """Copy a snapshot and the run records to a folder of this machine, as a lake to query.

    Every file is compared with its checksum. Pulled again, only what is new is copied. The landed pages stay where
    they are, so `verify` and `replay` need the lake itself.

    Examples:

        reklake pull --lake s3://bucket/prefix ./lake

        reklake sql --lake ./lake "from model_inventory"
    """
    from pipeline import settings
    from pipeline.jobs.pull import pull as bring

    pulled = bring(settings.load(lake=lake, config=config), folder, snapshot)
    rows = ", ".join(f"{name} {count:,}" for name, count in pulled.rows.items())
    typer.echo(f"{folder}: snapshot {pulled.id}: {rows}")

"""The commands that maintain a lake: rollback, gc and pull."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import AsFormat, Config, Lake
from pipeline.cli.output import table_of, write
from pipeline.cli.render import Format
from pipeline.cli.units import duration
from pipeline.jobs.units import size


def rollback(
    snapshot: Annotated[
        str | None,
        typer.Argument(
            metavar="[SNAPSHOT]",
            help="Id of the snapshot to return to.  (default: the last undamaged one before the current)",
        ),
    ] = None,
    lake: Lake = None,
    config: Config = None,
) -> None:
    """Return to an earlier snapshot, with its history; the files of the later ones stay.

    The snapshot is first read and compared with its checksums. The next sync continues from it: changes since then are
    found again, dated as of that sync.

    Examples:

        reklake rollback

        reklake rollback 20261123T040000Z-5d1f3a07
    """
    from pipeline import settings
    from pipeline.jobs.rollback import rollback as return_to

    result = return_to(settings.load(lake=lake, config=config), snapshot)
    record = result.record
    typer.echo(f"run {record.run_id}: CURRENT names snapshot {record.snapshot} again: {_rows(result.rows)}")
    if result.warning:
        typer.echo(f"but not everything is up to date: {result.warning}")
        raise typer.Exit(Exit.PARTIAL)


def gc(
    lake: Lake = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the files; without it they are only listed.")
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=1,
            help="Number of newest snapshots to keep.  (default: retention.snapshots in reklake.toml, else 10)",
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help="Only what is older, such as 30d or 12h.  (default: by kind: retention in reklake.toml, else "
            "snapshots 7d, raw pages 30d)",
        ),
    ] = None,
    form: AsFormat = Format.table,
    config: Config = None,
) -> None:
    """List the files that the lake no longer needs: old snapshots and raw pages. Deletes with --delete.

    Always kept are the current snapshot, the one that lake.duckdb shows, raw pages that the rows of a kept snapshot
    come from, and all run records: a JSON file is deleted only if the Parquet file of its day holds the record.

    Examples:

        reklake gc

        reklake gc --keep 5 --older-than 14d --delete
    """
    from pipeline import settings
    from pipeline.jobs.gc import collect_garbage

    days = duration(older_than, "--older-than") / timedelta(days=1) if older_than else None
    chosen = settings.load(lake=lake, config=config).with_retention(snapshots=keep, days=days)
    removals = collect_garbage(chosen, is_dry=not delete)
    rows = [(removal.name, removal.bytes, removal.reason) for removal in removals]
    write(table_of(("name", "bytes", "reason"), rows), form)
    total = f"{len(removals):,} {'deleted' if delete else 'to delete'}, {size(sum(row[1] for row in rows))}"
    hint = " Nothing was deleted yet: give --delete." if removals and not delete else ""
    typer.echo(f"{total}.{hint}", err=True)


def pull(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to copy to; made if it does not exist.")],
    snapshot: Annotated[str | None, typer.Option("--snapshot", help="Another snapshot than the current one.")] = None,
    lake: Lake = None,
    config: Config = None,
) -> None:
    """Copy a snapshot and the run records to a local folder, as a lake to query.

    Every file is compared with its checksum. A later pull copies only what is new. Raw pages are not copied, so
    `verify` and `replay` need the lake itself.

    Examples:

        reklake pull --lake s3://bucket/prefix ./lake

        reklake sql --lake ./lake "from model_inventory"
    """
    from pipeline import settings
    from pipeline.jobs.pull import pull as copy

    pulled = copy(settings.load(lake=lake, config=config), folder, snapshot)
    typer.echo(f"{folder}: snapshot {pulled.id}: {_rows(pulled.rows)}")


def _rows(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())

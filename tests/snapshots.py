"""Snapshots written without AWS, and read as anybody can who has nothing but a Parquet reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import Lake, snapshot
from pipeline.lake.snapshot import Snapshot, Source
from pipeline.load.snapshot_writer import new_snapshot, unseen
from pipeline.model import TABLES, declaration_digest, history_of, table
from pipeline.model.page import Scope

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table; account_id and region are the scope's, columns that are left out are null."""


def states_of(found: Snapshot, name: str) -> pa.Table:
    """Return every state of a table, sorted by key and valid_from: those that last, and those that have ended."""
    folder = found.lake.root / "snapshots" / found.id
    lasting = pq.read_table(folder / found.manifest["tables"][name]["file"])
    ended = pq.read_table(folder / found.manifest["history"][name]["file"])
    history = history_of(table(name))
    lasting = lasting.append_column("valid_to", pa.nulls(len(lasting), ended.schema.field("valid_to").type))
    both = pa.concat_tables([part.select(history.names).cast(history.schema) for part in (lasting, ended)])
    return both.sort_by([(key, "ascending") for key in history.key])


def publish(
    lake: Lake,
    name: str,
    at: datetime,
    listed: Mapping[Scope, Rows],
    *,
    carried: Iterable[Scope] = (),
    run: str | None = None,
    is_whole: bool = True,
) -> None:
    """Publish a snapshot of that name, in which the scopes were listed at that instant; others are carried forward.

    What a scope that is not whole does not list stays as it was.
    """
    with new_snapshot(lake, name, snapshot.find(lake)) as new:
        for scope in sorted({*listed, *carried}):
            if scope not in listed:
                new.carry_forward(scope)
                continue
            with new.scope(scope, run or name, at) as writer:
                for declared in TABLES:
                    rows = rows_of(scope, declared.name, listed[scope].get(declared.name, ()))
                    seen = rows.column(declared.parent_key).combine_chunks()
                    writer.merge(declared.name, rows, keep=None if is_whole else unseen(declared, seen))
                writer.source = Source(run or name, writer.listed_at, declaration_digest(), "0", whole=is_whole)
        new.seal(created_at=at.isoformat(), software={"reklake": "0"}, run=lambda: {"run_id": name})


def rows_of(scope: Scope, name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows of a table in its declared schema, sorted by key."""
    declared = table(name)
    place = {"account_id": scope.account_id, "region": scope.region}
    ordered = sorted(({**place, **row} for row in rows), key=lambda row: tuple(row[key] for key in declared.key))
    return pa.Table.from_pylist(ordered, declared.schema)


def current_rows(found: Snapshot) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table in their order and declared columns: without since when they are so."""
    return {
        declared.name: pq.read_table(found.file(declared.name), columns=list(declared.names)).to_pylist()
        for declared in TABLES
    }

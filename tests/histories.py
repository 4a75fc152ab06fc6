"""Histories, read from a snapshot's files and its manifest as anybody can who has nothing but a Parquet reader."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.snapshot import Snapshot
from pipeline.model import VALID_FROM, history_of, table


def states_of(found: Snapshot, name: str) -> pa.Table:
    """Return every state of a table: of its history's file, or of its own rows, which have been so since then.

    KeyError if a row is of a scope of which the manifest does not say since when.
    """
    entry = found.manifest["history"][name]
    rows = pq.read_table(found.lake.root / "snapshots" / found.id / entry["file"])
    if "since" not in entry:
        return rows
    since = {(one["account_id"], one["region"]): datetime.fromisoformat(one["valid_from"]) for one in entry["since"]}
    scopes = zip(rows["account_id"].to_pylist(), rows["region"].to_pylist(), strict=True)
    told = {
        VALID_FROM.name: pa.array([since[scope] for scope in scopes], VALID_FROM.type),
        "begins_as": pa.array(["appeared"] * len(rows), pa.string()),
    }
    columns = [
        rows[column.name]
        if column.name in rows.column_names
        else told.get(column.name, pa.nulls(len(rows), column.type))
        for column in history_of(table(name)).columns
    ]
    return pa.table(columns, schema=history_of(table(name)).schema)

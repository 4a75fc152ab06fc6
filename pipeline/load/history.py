"""Histories: the states that rows were known to have, and the rows as they are now, into the states from now on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.load import sqlfiles
from pipeline.load.tables import SortedFile, in_schema
from pipeline.model import VALID_FROM, VALID_TO, Origin, Table, history_of
from pipeline.model.page import Scope

RANGE_ROWS = 60_000
"""Rows of each side that a range of keys comes to: flat memory, however long the history is."""


@contextmanager
def merging() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open what `write` merges with."""
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        yield con


def write(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    path: Path,
    *,
    known: Path | None,
    present: Path,
    listed: Mapping[Scope, datetime],
    known_since: datetime | None = None,
) -> int:
    """Write the table's history to `path` and return its rows.

    `known` is its file in the last snapshot and `present` the table itself in the new one, both sorted by key. States
    begin and end at the instants in `listed`; those of scopes that are not in it stay as they are. With `known_since`,
    `known` is no history but the last snapshot's table, whose rows have been so since then at the latest.
    """
    target = history_of(table)
    before = _read(known, target, known_since) if known else iter(())
    compared = _compared(table, pq.read_schema(known)) if known else table.names
    file = SortedFile(path, target)
    con.register("listed", _instants(listed))
    statement = _statement(table, compared)
    for known_rows, present_rows in _ranges(before, _read(present, table), target, table):
        if _lasts(known_rows, present_rows):  # most of a lake, most of the time: ten times as fast as the merge
            file.add(known_rows)
            continue
        con.register("known", known_rows)
        con.register("present", present_rows)
        file.add(con.sql(statement).to_arrow_table().cast(target.schema))
    file.close()
    return file.rows


def _compared(table: Table, before: pa.Schema) -> list[str]:
    """Return the columns in which a difference is a change.

    A column that the last snapshot did not have is no change in AWS: states that last get its values. Nor is `extra`
    then, which may have held them.
    """
    has_gained = not set(table.names) <= set(before.names)
    return [
        column.name
        for column in table.columns
        if column.name in before.names and not (has_gained and column.origin is Origin.UNKNOWN)
    ]


def _statement(table: Table, compared: Iterable[str]) -> str:
    file = sqlfiles.parse((sqlfiles.root() / "load" / "history.sql").read_text(encoding="utf-8"), "load", "history")
    return file.statement(
        {
            "key": ", ".join(f'"{name}"' for name in table.key),
            "columns": ", ".join(f'present."{name}"' for name in table.names),
            "is_key": " and ".join(f'lasting."{name}" = present."{name}"' for name in table.key),
            "is_same": " and ".join(
                ["lasting.account_id is not null"]
                + [f'lasting."{name}" is not distinct from present."{name}"' for name in compared]
            ),
        }
    )


def _instants(listed: Mapping[Scope, datetime]) -> pa.Table:
    rows = [{"account_id": scope.account_id, "region": scope.region, "listed_at": at} for scope, at in listed.items()]
    schema = pa.schema([("account_id", pa.string()), ("region", pa.string()), ("listed_at", VALID_FROM.type)])
    return pa.Table.from_pylist(rows, schema)


def _read(path: Path, table: Table, since: datetime | None = None) -> Iterator[pa.Table]:
    """Yield a file's rows in the declared schema; with `since`, as states that have lasted since then."""
    for batch in pq.ParquetFile(path).iter_batches(RANGE_ROWS):
        rows = pa.table(batch)
        if since is not None:
            rows = rows.append_column(VALID_FROM.name, pa.repeat(pa.scalar(since, VALID_FROM.type), len(rows)))
            rows = rows.append_column(VALID_TO.name, pa.nulls(len(rows), VALID_TO.type))
        yield in_schema(rows, table.schema)


def _lasts(known: pa.Table, present: pa.Table) -> bool:
    """Whether the states that last are, to the last value, the rows as they are now."""
    lasting = known.filter(pc.is_null(known.column(VALID_TO.name))).select(present.schema.names)
    return bool(lasting.equals(present))


def _ranges(
    known: Iterator[pa.Table], present: Iterator[pa.Table], history: Table, table: Table
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Cut two streams of rows, each sorted by key, at the same keys."""
    key = table.key[0]
    streams = _Stream(known, history.schema, key), _Stream(present, table.schema, key)
    high: str | None = ""
    while high is not None:
        high = min((stream.highest for stream in streams if stream.highest is not None), default=None)
        known_rows, present_rows = (stream.take(high) for stream in streams)
        if known_rows.num_rows or present_rows.num_rows:
            yield known_rows, present_rows


class _Stream:
    """Sorted rows, a batch ahead; those of one key may stand in several batches."""

    def __init__(self, batches: Iterator[pa.Table], schema: pa.Schema, key: str) -> None:
        self._batches = batches
        self._key = key
        self._rows = schema.empty_table()
        self.highest: str | None = None
        """The key up to which, but without which, all rows are there; None when all are."""
        self._more()

    def take(self, high: str | None) -> pa.Table:
        """Return the rows whose key is below `high` (None: all of them), and let go of them."""
        count = self._rows.num_rows
        if high is not None:
            count = int(pc.sum(pc.less(self._rows.column(self._key), high), min_count=0).as_py())
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        if high is not None and self.highest == high:
            self._more()
        return taken

    def _more(self) -> None:
        batch = next(self._batches, None)
        if batch is None:
            self.highest = None
            return
        self._rows = pa.concat_tables([self._rows, batch])
        self.highest = self._rows.column(self._key)[-1].as_py()

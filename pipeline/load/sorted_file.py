"""Declared tables into Parquet files: sorted by key, each key once, in row groups of even size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.load.holding import Holding
from pipeline.load.merge import Run, merged
from pipeline.model import Column, Table

ROW_GROUP_ROWS = 20_000
"""Rows of a row group, 10 MB of assets in memory: small enough to skip by statistics, large enough for few of them."""
WIDE_COLUMNS, WIDE_ROW_GROUP_ROWS = 20, 10_000
"""Beyond so many columns, rows of a row group: 11 MB of versions in memory."""
COMPRESSION, LEVEL = "zstd", 1
"""Level 9 is a tenth smaller and takes four times as long."""


class TableFile:
    """One table's file in the making: takes pieces of rows, and puts them in key order, each key once.

    Pieces come nearly in order: scopes are in ARN order, each piece is sorted, and only projects that were listed at
    the same time overlap. So rows are held until nothing can come before them. Should a piece come too late all the
    same, it and what follows is set aside, and `close` merges it in.
    """

    def __init__(self, table: Table, path: Path) -> None:
        self.table = table
        self.path = path
        self._sorted = SortedFile(path, table)
        self._held = Holding(table, path)
        self._late: Run | None = None

    @property
    def rows(self) -> int:
        """Rows in the file, once it is closed."""
        return self._sorted.rows

    def add(self, piece: pa.Table, settled: str | None = None) -> None:
        """Append rows in the declared schema, sorted by key; of equal keys the one that comes last stays.

        The rows that will still be added have no key below `settled`, unless they are late; None: below any.
        """
        for rows in self._held.through(piece, settled):
            self._write(rows)

    def drop(self, account_id: str, region: str) -> None:
        """Take out again the rows of a scope whose listing has broken off: all are written anew, but this is rare."""

        def others(rows: pa.Table) -> pa.Table:
            is_other = pc.or_(pc.not_equal(rows["account_id"], account_id), pc.not_equal(rows["region"], region))
            return rows.filter(is_other)

        self._held.keep(others)
        written = self._set_aside()
        self._sorted = SortedFile(self.path, self.table)
        for rows in merged([written]):
            self._sorted.add(others(rows))
        written.path.unlink()
        if self._late:
            self._late.close()
            late, self._late = self._late, self._run("kept")
            for rows in merged([late]):
                self._late.add(others(rows))
            late.path.unlink()

    def close(self) -> None:
        """Finish the file; it is sorted by key, each key once."""
        self.add(self.table.schema.empty_table())
        if self._late:
            self._merge(self._late)
        else:
            self._sorted.close()

    def abandon(self) -> None:
        """Let go of the files after an error; the folder they are in is thrown away."""
        self._sorted.writer.close()
        if self._late:
            self._late.close()

    def _write(self, rows: pa.Table) -> None:
        if self._late is None and not self._sorted.takes(rows):
            self._late = self._run("late")
        if self._late is None:
            self._sorted.add(rows)
        else:
            self._late.add(rows)

    def _run(self, name: str) -> Run:
        return Run(self.path.with_suffix(f".{name}"), self.table.schema, self.table.key)

    def _set_aside(self) -> Run:
        """Close the file, and return its rows as a run."""
        self._sorted.close()
        written = self._run("written")
        for batch in pq.ParquetFile(self.path).iter_batches(ROW_GROUP_ROWS):
            written.add(pa.table(batch, schema=self.table.schema))
        written.close()
        return written

    def _merge(self, late: Run) -> None:
        late.close()
        runs = [self._set_aside(), late]
        self._sorted = SortedFile(self.path, self.table)
        for rows in merged(runs):
            self._sorted.add(rows)
        self._sorted.close()
        for run in runs:
            run.path.unlink()


class SortedFile:
    """A Parquet file that takes rows in key order, and whose row groups depend on the rows alone."""

    def __init__(self, path: Path, table: Table) -> None:
        """Take where to write, and the declaration whose columns the rows have."""
        self.writer = pq.ParquetWriter(
            path,
            table.schema,
            compression=COMPRESSION,
            compression_level=LEVEL,
            use_dictionary=[column.name for column in table.columns if not column.is_distinct],
            write_statistics=[column.name for column in table.columns if is_looked_up(column, table)],
        )
        self.rows = 0
        self._group_rows = row_group_rows(table)
        self._table = table
        self._waiting = table.schema.empty_table()
        self._last: tuple[Any, ...] | None = None

    def takes(self, rows: pa.Table) -> bool:
        """Whether the rows follow on what is there."""
        return rows.num_rows == 0 or self._last is None or self._last < self._key(rows, 0)

    def add(self, rows: pa.Table) -> None:
        """Append rows that follow on what is there."""
        if rows.num_rows:
            self._last = self._key(rows, rows.num_rows - 1)
            self.rows += rows.num_rows
            self._waiting = pa.concat_tables([self._waiting, rows])
            self._write(self._waiting.num_rows - self._waiting.num_rows % self._group_rows)

    def close(self) -> None:
        """Write what waits for a full row group, and end the file."""
        self._write(self._waiting.num_rows)
        self.writer.close()

    def _write(self, count: int) -> None:
        for start in range(0, count, self._group_rows):
            group = self._waiting.slice(start, min(self._group_rows, count - start)).combine_chunks()
            self.writer.write_table(group, row_group_size=self._group_rows)
        if count:
            self._waiting = self._waiting.slice(count)

    def _key(self, rows: pa.Table, row: int) -> tuple[Any, ...]:
        return tuple(rows.column(name)[row].as_py() for name in self._table.key)


def is_looked_up(column: Column, table: Table) -> bool:
    """Whether a row group should tell the least and the highest value of a column.

    Not of long texts that are all different and in no order, such as keys of S3 objects: no query could skip a group by
    them, and finding them takes a tenth of the time that a table takes to write.
    """
    return column.name in table.key or not (column.is_distinct and pa.types.is_string(column.type))


def row_group_rows(table: Table) -> int:
    """Return how many rows a row group of the table has."""
    return WIDE_ROW_GROUP_ROWS if len(table.columns) > WIDE_COLUMNS else ROW_GROUP_ROWS


def rows_of(file: pq.ParquetFile, table: Table, account_id: str, region: str) -> Iterator[pa.Table]:
    """Yield a file's rows of one scope, in order, half a row group at a time, in the declared schema.

    Columns that the file does not have yet are null: a file written by an older version stays readable.
    """
    wanted = {"account_id": account_id, "region": region}
    for group in range(file.num_row_groups):
        if _may_have(file, group, wanted):
            # other cores write, and half a row group at a time takes half the memory
            for batch in file.iter_batches(row_group_rows(table) // 2, row_groups=[group], use_threads=False):
                rows = in_schema(pa.table(batch), table.schema)
                is_wanted = [pc.equal(rows.column(name), value) for name, value in wanted.items()]
                yield rows if all(pc.all(one).as_py() for one in is_wanted) else rows.filter(pc.and_(*is_wanted))


def _may_have(file: pq.ParquetFile, group: int, wanted: Mapping[str, str]) -> bool:
    """Whether the statistics of a row group leave it open that a row has these values."""
    facts = file.metadata.row_group(group)
    for name, value in wanted.items():
        told = facts.column(file.schema_arrow.get_field_index(name)).statistics
        if told and told.has_min_max and not told.min <= value <= told.max:
            return False
    return True


def in_schema(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows in the declared schema; columns that they do not have are null."""
    columns = [
        rows.column(field.name).cast(field.type) if field.name in rows.schema.names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)

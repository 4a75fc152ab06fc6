"""Sorted Parquet files: written in row groups of equal size, read once from start to end, a range of keys at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.model import Column, Table
from pipeline.model.page import Scope

ROW_GROUP_ROWS = 20_000
"""Rows per row group, 10 MB of assets in memory: small enough to skip by statistics, large enough to be few."""
WIDE_COLUMNS, WIDE_ROW_GROUP_ROWS = 20, 10_000
"""Rows per row group of tables with more than WIDE_COLUMNS columns: 11 MB of versions in memory."""
COMPRESSION, LEVEL = "zstd", 1
"""Level 9 is a tenth smaller and takes four times as long."""


class SortedWriter:
    """Writes rows in key order to a Parquet file. Equal rows give equal bytes, in whatever portions they are added."""

    def __init__(self, path: Path, table: Table) -> None:
        """Open the file at `path`. The rows have the columns of `table`."""
        self.path = path
        self.rows = 0
        self._schema = table.schema
        self._group_rows = row_group_rows(table)
        self._waiting = table.schema.empty_table()
        self._file = pq.ParquetWriter(
            path,
            table.schema,
            compression=COMPRESSION,
            compression_level=LEVEL,
            use_dictionary=[column.name for column in table.columns if not column.is_distinct],
            write_statistics=[column.name for column in table.columns if has_statistics(column, table)],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, rows: pa.Table) -> None:
        """Append rows, which come after the rows so far in key order."""
        if rows.num_rows:
            self.rows += rows.num_rows
            self._waiting = pa.concat_tables([self._waiting, rows.select(self._schema.names).cast(self._schema)])
            self._write(self._waiting.num_rows - self._waiting.num_rows % self._group_rows)

    def close(self) -> None:
        """Write the last row group and close the file. A second call does nothing."""
        if self._file.is_open:
            self._write(self._waiting.num_rows)
            self._file.close()

    def _write(self, count: int) -> None:
        for start in range(0, count, self._group_rows):
            group = self._waiting.slice(start, min(self._group_rows, count - start)).combine_chunks()
            self._file.write_table(group, row_group_size=self._group_rows)
        if count:
            self._waiting = self._waiting.slice(count)


class SortedReader:
    """Reads a sorted file once: scope by scope in the order of the file, and each scope range by range in key order."""

    def __init__(self, path: Path | None, table: Table) -> None:
        """Open the file at `path` (None: no rows). The rows get the columns of `table`."""
        self._table = table
        self._batches = _batches(path, table) if path else iter(())
        self._rows = table.schema.empty_table()

    def take(self, scope: Scope, until: str | None = None) -> Iterator[pa.Table]:
        """Yield the scope's next rows, those with a key below `until` (None: all), a few thousand at a time."""
        while True:
            count = self._count(scope, until)
            taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
            if taken.num_rows:
                yield taken
            if self._rows.num_rows:
                return
            batch = next(self._batches, None)
            if batch is None:
                return
            self._rows = batch

    def left(self) -> Scope | None:
        """Return the scope of the next row; None at the end of the file."""
        while not self._rows.num_rows:
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._rows = batch
        return Scope(self._rows.column("region")[0].as_py(), self._rows.column("account_id")[0].as_py())

    def _count(self, scope: Scope, until: str | None) -> int:
        """Return how many of the buffered rows, from the first on, belong to the scope and the range."""
        rows = self._rows
        is_wanted = pc.and_(
            pc.equal(rows.column("account_id"), scope.account_id), pc.equal(rows.column("region"), scope.region)
        )
        if until is not None:
            is_wanted = pc.and_(is_wanted, pc.less(rows.column(self._table.key[0]), until))
        first_other = pc.index(is_wanted, False).as_py()
        return rows.num_rows if first_other < 0 else int(first_other)


def _batches(path: Path, table: Table) -> Iterator[pa.Table]:
    """Yield a file's rows, half a row group at a time. Columns that the file lacks are null."""
    with pq.ParquetFile(path) as file:
        for group in range(
            file.num_row_groups
        ):  # with all groups in one call, Arrow would read ahead, up to the whole file
            for batch in file.iter_batches(row_group_rows(table) // 2, row_groups=[group], use_threads=False):
                yield in_schema(pa.table(batch), table.schema)


def has_statistics(column: Column, table: Table) -> bool:
    """Whether row groups have the minimum and maximum of a column.

    Long, distinct, unordered texts, such as keys of S3 objects, have none: no query could skip a row group by them, and
    computing them takes a tenth of the time of writing a table.
    """
    return column.name in table.key or not (column.is_distinct and pa.types.is_string(column.type))


def row_group_rows(table: Table) -> int:
    """Return the number of rows per row group of the table."""
    return WIDE_ROW_GROUP_ROWS if len(table.columns) > WIDE_COLUMNS else ROW_GROUP_ROWS


def in_schema(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows in the schema. Columns that they lack are null."""
    columns = [
        rows.column(field.name).cast(field.type) if field.name in rows.schema.names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)

"""Declared tables into Parquet files: sorted by key, each key once, in row groups of even size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.model import Table
from pipeline.storage import sync

ROW_GROUP_ROWS = 20_000
"""Rows of a row group: 10 MB of versions in memory, a few hundred kB on disk; small enough to skip by statistics."""
COMPRESSION, LEVEL = "zstd", 1
"""Level 9 is a tenth smaller and takes four times as long."""
MERGE_MEMORY = "256MB"


class TableFile:
    """One table's file in the making: takes pieces sorted by key, and puts them right if they are not in order.

    Pieces usually come in key order (scopes are in ARN order and each is sorted). Where they do not (a scope
    larger than a piece), `close` sorts the file with DuckDB, which spills to disk, and keeps of equal keys the
    one that came last.
    """

    def __init__(self, table: Table, path: Path) -> None:
        self.table = table
        self.path = path
        self.rows = 0
        self._writer = _writer(path, table)
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self._last: tuple[Any, ...] | None = None
        self._in_order = True
        self._older: pq.ParquetWriter | None = None

    def add_older(self, piece: pa.Table) -> None:
        """Append rows that count only where no other row has their key."""
        if self._older is None:
            self._older = _writer(self.path.with_suffix(".older"), self.table)
        self._older.write_table(piece)

    def add(self, piece: pa.Table) -> None:
        """Append rows in the declared schema, sorted by key."""
        if piece.num_rows == 0:
            return
        first, last = self._key(piece, 0), self._key(piece, piece.num_rows - 1)
        if self._last is not None and first <= self._last:
            self._in_order = False
        self._last = last
        self._held.append(piece)
        self._held_rows += piece.num_rows
        self.rows += piece.num_rows
        if self._held_rows >= ROW_GROUP_ROWS:
            self._write(final=False)

    def close(self) -> None:
        """Finish the file; it is sorted by key, each key once, and on the disk."""
        self._write(final=True)
        self._writer.close()
        if self._older or not self._in_order:
            self._sort()
        sync(self.path)

    def abandon(self) -> None:
        """Let go of the file after an error; the folder it is in is thrown away."""
        self._writer.close()
        if self._older:
            self._older.close()

    def _write(self, *, final: bool) -> None:
        """Write whole row groups, so that their borders depend on the rows alone; the rest waits."""
        held = pa.concat_tables([self.table.schema.empty_table(), *self._held])
        whole = held.num_rows if final else held.num_rows - held.num_rows % ROW_GROUP_ROWS
        for start in range(0, whole, ROW_GROUP_ROWS):
            group = held.slice(start, min(ROW_GROUP_ROWS, whole - start)).combine_chunks()
            self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
        rest = held.slice(whole)
        self._held, self._held_rows = ([rest] if rest.num_rows else []), rest.num_rows

    def _sort(self) -> None:
        files = [self.path.rename(self.path.with_suffix(".unsorted"))]
        if self._older:
            self._older.close()
            files.append(self.path.with_suffix(".older"))
        spill = self.path.with_suffix(".spill")
        key = ", ".join(f'"{name}"' for name in self.table.key)
        query = f"""
            select * exclude (filename, file_row_number)
            from read_parquet($files, filename = true, file_row_number = true)
            qualify row_number() over (
                partition by {key}
                order by filename = $newer desc, file_row_number desc
            ) = 1
            order by {key}
        """
        names = [str(file) for file in files]
        try:
            self._write_sorted(query, names, spill)
        except duckdb.Error as error:
            raise LakeError(f"{self.path}: cannot be sorted: {error}. Make room on its disk and run again.") from error
        for file in files:
            file.unlink()

    def _write_sorted(self, query: str, names: list[str], spill: Path) -> None:
        with duckdb.connect(config={"memory_limit": MERGE_MEMORY, "temp_directory": str(spill)}) as con:
            con.execute("set timezone = 'UTC'")
            reader = con.sql(query, params={"files": names, "newer": names[0]}).to_arrow_reader(ROW_GROUP_ROWS)
            self._writer = _writer(self.path, self.table)
            self._in_order, self._last, self.rows = True, None, 0
            for batch in reader:
                self.add(pa.table(batch).cast(self.table.schema))
            self._write(final=True)
            self._writer.close()

    def _key(self, piece: pa.Table, row: int) -> tuple[Any, ...]:
        return tuple(piece.column(name)[row].as_py() for name in self.table.key)


def rows_of(path: Path, table: Table, account_id: str, region: str) -> Iterator[pa.Table]:
    """Yield a file's rows of one scope, in order, in the declared schema.

    Columns that the file does not have yet are null: a file written by an older version stays readable.
    """
    of_scope = (ds.field("account_id") == account_id) & (ds.field("region") == region)
    for batch in ds.dataset(path, format="parquet").to_batches(filter=of_scope):
        columns = [
            batch.column(field.name).cast(field.type)
            if field.name in batch.schema.names
            else pa.nulls(batch.num_rows, field.type)
            for field in table.schema
        ]
        yield pa.table(columns, schema=table.schema)


def _writer(path: Path, table: Table) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        table.schema,
        compression=COMPRESSION,
        compression_level=LEVEL,
        use_dictionary=[column.name for column in table.columns if not column.is_distinct],
    )

"""Writes raw pages to a landed file in order of arrival, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import Lake
from pipeline.landing.files import COMPLETE, FAILED, LISTED_DETAILS, OUTCOME, SCHEMA, file_name
from pipeline.model.page import RawPage, Scope

ROW_GROUP_BYTES = 1 << 20
"""Size of a row group's bodies: what each scope under way holds in memory, and what a reader reads at a time."""
_DISTINCT = frozenset({"observed_at", "request_id", "body", "digest"})
"""Columns whose values are all different."""


class Writer:
    """Writes one scope's pages in order of arrival.

    The caller sets `is_whole` to whether the scope was listed to its end, and adds to `details` those that were listed
    for every resource.
    """

    def __init__(self, path: Path, scope: Scope) -> None:
        self.is_whole = True
        self.details: set[str] = set()
        self._path = path
        self._scope = scope
        self._file: pq.ParquetWriter | None = None
        self._pages: list[RawPage] = []
        self._bytes = 0
        self._is_closed = False

    def add(self, page: RawPage) -> None:
        """Add a page; write the row group when it is full."""
        self._pages.append(page)
        self._bytes += len(page.body)
        if self._bytes >= ROW_GROUP_BYTES:
            self._write()

    def close(self) -> None:
        """Write the rest and how the listing ended. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._write()
        file = self._opened()
        outcome = COMPLETE if self.is_whole else FAILED
        details = ",".join(sorted(self.details))
        file.add_key_value_metadata({OUTCOME: outcome.encode(), LISTED_DETAILS: details.encode()})
        file.close()

    def abandon(self) -> None:
        """Close the file after an error. Further errors are ignored: the first is raised by the caller."""
        with suppress(Exception):
            self._opened().close()

    def _opened(self) -> pq.ParquetWriter:
        """Return the file, opened at first use: most scopes fill less than a row group, so few files are open."""
        if self._file is None:
            self._file = pq.ParquetWriter(
                self._path,
                SCHEMA,
                compression="zstd",
                compression_level=1,
                write_page_checksum=True,
                use_dictionary=[name for name in SCHEMA.names if name not in _DISTINCT],  # bodies would be hashed
                write_statistics=[name for name in SCHEMA.names if name != "body"],  # and compared
            )
        return self._file

    def _write(self) -> None:
        pages, self._pages, self._bytes = self._pages, [], 0
        if pages:
            columns: dict[str, list[Any]] = {name: [getattr(page, name) for page in pages] for name in SCHEMA.names[2:]}
            columns["account_id"] = [self._scope.account_id] * len(pages)
            columns["region"] = [self._scope.region] * len(pages)
            self._opened().write_table(pa.table(columns, schema=SCHEMA))


@contextmanager
def land(lake: Lake, run_id: str, scope: Scope) -> Iterator[Writer]:
    """Open the scope's landed file, which appears when the block ends.

    If the block raises, the pages so far are kept and marked as those of a failed scope.
    """
    with lake.new_file(file_name(run_id, scope)) as path:
        failure: Exception | None = None
        writer = Writer(path, scope)
        try:
            try:
                yield writer
            except Exception as error:  # noqa: BLE001  # raised below, once the file is complete
                failure = error
                writer.is_whole = False
            writer.close()
        except BaseException:
            writer.abandon()
            raise
    if failure:
        raise failure

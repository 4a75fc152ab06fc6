"""Raw pages into a landed file: in the order they come, few of them in memory, by one thread for all files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import Lake
from pipeline.landing.files import COMPLETE, FAILED, LISTED_DETAILS, OUTCOME, SCHEMA, name_of
from pipeline.model.page import RawPage, Scope

ROW_GROUP_BYTES = 4 << 20
"""Bodies a row group holds: what a reader must take into memory at a time."""
HELD_BYTES, SMALLEST_BYTES = 64 << 20, 256 << 10
"""Bodies that all writers together hold back; beyond that, row groups are smaller, down to so many bytes."""
_DISTINCT = frozenset({"observed_at", "request_id", "body", "digest"})
"""Columns whose values are all different."""


class WriterThread:
    """Does the writing for many writers, and knows how much all of them hold back."""

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        """Without a pool, whoever hands work over does it."""
        self._pool = pool
        self._lock = threading.Lock()
        self._held = 0

    def do(self, work: Callable[[], None]) -> Future[None]:
        """Do the work after what was given before it; the future tells when it is done, or what it raised."""
        if self._pool:
            return self._pool.submit(work)
        done: Future[None] = Future()
        work()
        done.set_result(None)
        return done

    def hold(self, size: int) -> bool:
        """Count bytes that are held back (or, below 0, no more); whether it is too much by now."""
        with self._lock:
            self._held += size
            return self._held > HELD_BYTES


@contextmanager
def writer_thread() -> Iterator[WriterThread]:
    """Write all files on one thread, however many thread pages over.

    Arrow keeps memory for each thread that it ever worked on: 200 scopes' files written on 256 threads left 900 MB.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="landing") as writer:
        yield WriterThread(writer)


class Writer:
    """Takes one scope's pages in the order they come, and keeps few of them in memory.

    Whoever adds the pages says whether they are all there: of the scope (`is_whole`), and of which details (`details`).
    """

    def __init__(self, path: Path, scope: Scope, thread: WriterThread) -> None:
        self._thread = thread
        self.is_whole = True
        self.details: set[str] = set()
        self._path = path
        self._file: pq.ParquetWriter | None = None
        self._scope = scope
        self._pages: list[RawPage] = []
        self._bytes = 0
        self._writing: Future[None] | None = None

    def add(self, page: RawPage) -> None:
        """Keep one page. Waits for the row group before, if that is still being written when the next one is full."""
        self._pages.append(page)
        self._bytes += len(page.body)
        is_too_much = self._thread.hold(len(page.body))
        if self._bytes >= (SMALLEST_BYTES if is_too_much else ROW_GROUP_BYTES):
            self._flush()

    def close(self, outcome: str) -> None:
        """Write the rest and how the listing ended."""
        self._flush()
        self._wait()
        self._thread.do(lambda: self._close(outcome)).result()

    def abandon(self) -> None:
        """Let go of the file after an error."""
        with suppress(Exception):  # what it was is known: it is why the file is let go of
            self._wait()
        if self._file:
            self._thread.do(self._file.close).result()

    def _wait(self) -> None:
        """Wait until nothing is being written; raises what went wrong with it."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()

    def _flush(self) -> None:
        """Have what is held back written as a row group."""
        self._wait()
        pages, size = self._pages, self._bytes
        self._pages, self._bytes = [], 0
        self._writing = self._thread.do(lambda: self._write(pages, size))

    def _opened(self) -> pq.ParquetWriter:
        """Return the file, which most scopes need at their end only: so many are not open at once."""
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

    def _write(self, pages: list[RawPage], size: int) -> None:
        if pages:
            columns: dict[str, list[Any]] = {name: [getattr(page, name) for page in pages] for name in SCHEMA.names[2:]}
            columns["account_id"] = [self._scope.account_id] * len(pages)
            columns["region"] = [self._scope.region] * len(pages)
            self._opened().write_table(pa.table(columns, schema=SCHEMA))
        self._thread.hold(-size)

    def _close(self, outcome: str) -> None:
        file = self._opened()
        file.add_key_value_metadata(
            {OUTCOME: outcome.encode(), LISTED_DETAILS: ",".join(sorted(self.details)).encode()}
        )
        file.close()


@contextmanager
def land(lake: Lake, run_id: str, scope: Scope, thread: WriterThread | None = None) -> Iterator[Writer]:
    """Open the scope's landed file; it appears when the block ends. `thread` does the writing.

    If the block raises, the pages that came are kept all the same, marked as those of a failed scope.
    """
    with lake.new_file(name_of(run_id, scope)) as beside:
        failure: Exception | None = None
        writer = Writer(beside, scope, thread or WriterThread())
        try:
            try:
                yield writer
            except Exception as error:  # noqa: BLE001  # raised again below, once the file is whole
                failure = error
            writer.close(COMPLETE if writer.is_whole and not failure else FAILED)
        except BaseException:
            writer.abandon()
            raise
    if failure:
        raise failure

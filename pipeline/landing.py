"""Raw pages in and out: one zstd Parquet file a scope, bodies byte for byte."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.model.page import RawPage, Scope
from pipeline.storage import Lake

ROW_GROUP_BYTES = 4 << 20
"""Bodies a row group holds: what a reader must take into memory at a time."""
HELD_BYTES, SMALLEST_BYTES = 64 << 20, 256 << 10
"""Bodies that all writers together hold back; beyond that, row groups are smaller, down to so many bytes."""
GROUPS_AT_HAND = 4
"""Row groups that stay in memory for who asks for bodies."""
FOLDER, SUFFIX = "raw", ".parquet"
OUTCOME = b"reklake.outcome"
LISTED_PARTS = b"reklake.parts"
"""Metadata: the parts (model.page.PARTS) that were asked about every resource, divided by commas."""
COMPLETE, FAILED = "complete", "failed"
_IN_A_NAME = re.compile(r"[A-Za-z0-9-]+")
NEVER = datetime.fromtimestamp(0, UTC)


def _field(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": description})


SCHEMA = pa.schema(
    [
        _field("account_id", pa.string(), "AWS account that was asked."),
        _field("region", pa.string(), "AWS region that was asked."),
        _field("operation", pa.string(), "The API operation, such as DescribeProjects."),
        _field("project_arn", pa.string(), "Project that was asked about; empty for DescribeProjects."),
        _field("listing", pa.int64(), "Grows when a listing began again; only the last one counts. 1-based."),
        _field("page_number", pa.int64(), "Place of the page in its listing, 1-based; 0 for a vanished project."),
        _field("http_status", pa.int64(), "200, or 400 for the ResourceNotFoundException of a vanished project."),
        _field("observed_at", pa.timestamp("us", tz="UTC"), "When the answer was there."),
        _field("request_id", pa.string(), "AWS's id of the request, for AWS support."),
        _field("body", pa.binary(), "The answer's body, byte for byte."),
        _field("resource_arn", pa.string(), "Dataset, project or version a part asked about; empty in listings."),
        _field("digest", pa.binary(), "SHA-256 of the items as they came, without the token; empty if not taken."),
    ]
)
HEAD_COLUMNS = ("operation", "project_arn", "listing", "page_number", "http_status", "resource_arn")
_ADDED = frozenset({"resource_arn", "digest"})
"""Columns that files of older versions lack; there they are empty."""
_DISTINCT = frozenset({"observed_at", "request_id", "body", "digest"})
"""Columns whose values are all different."""


@dataclass(frozen=True, slots=True)
class LandedScope:
    """A scope's landed file, as found.

    `complete` says whether the scope was listed to its end; `listed_at` is when its last page came (1970 if none
    did, which is no listing). `parts` are those of which every resource was asked about.
    """

    scope: Scope
    run_id: str
    path: Path
    complete: bool
    listed_at: datetime
    parts: frozenset[str] = frozenset()


class Hand:
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
def one_hand() -> Iterator[Hand]:
    """Write all files on one thread, however many hand pages over.

    Arrow keeps memory for each thread that it ever worked on: 200 scopes' files written on 256 threads left 900 MB.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="landing") as writer:
        yield Hand(writer)


class Writer:
    """Takes one scope's pages in the order they come, and keeps few of them in memory.

    Whoever adds the pages says whether they are all there: of the scope (`is_whole`), and of which parts (`parts`).
    """

    def __init__(self, path: Path, scope: Scope, hand: Hand) -> None:
        self._hand = hand
        self.is_whole = True
        self.parts: set[str] = set()
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
        is_too_much = self._hand.hold(len(page.body))
        if self._bytes >= (SMALLEST_BYTES if is_too_much else ROW_GROUP_BYTES):
            self._flush()

    def close(self, outcome: str) -> None:
        """Write the rest and how the listing ended."""
        self._flush()
        self._wait()
        self._hand.do(lambda: self._close(outcome)).result()

    def abandon(self) -> None:
        """Let go of the file after an error."""
        with suppress(Exception):  # what it was is known: it is why the file is let go of
            self._wait()
        if self._file:
            self._hand.do(self._file.close).result()

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
        self._writing = self._hand.do(lambda: self._write(pages, size))

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
            )
        return self._file

    def _write(self, pages: list[RawPage], size: int) -> None:
        if pages:
            columns: dict[str, list[Any]] = {name: [getattr(page, name) for page in pages] for name in SCHEMA.names[2:]}
            columns["account_id"] = [self._scope.account_id] * len(pages)
            columns["region"] = [self._scope.region] * len(pages)
            self._opened().write_table(pa.table(columns, schema=SCHEMA))
        self._hand.hold(-size)

    def _close(self, outcome: str) -> None:
        file = self._opened()
        file.add_key_value_metadata({OUTCOME: outcome.encode(), LISTED_PARTS: ",".join(sorted(self.parts)).encode()})
        file.close()


def folder(run_id: str) -> str:
    """Where a run's pages lie in the lake."""
    return f"{FOLDER}/{run_id}"


@contextmanager
def land(lake: Lake, run_id: str, scope: Scope, hand: Hand | None = None) -> Iterator[Writer]:
    """Open the scope's landed file; it appears when the block ends. `hand` does the writing.

    If the block raises, the pages that came are kept all the same, marked as those of a failed scope.
    """
    with lake.new_file(_name(run_id, scope)) as beside:
        failure: Exception | None = None
        writer = Writer(beside, scope, hand or Hand())
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


def landed(lake: Lake, run_id: str) -> list[LandedScope]:
    """Return the scopes a run landed, in order; LakeError if there are none or a file cannot be read."""
    is_name = Path(run_id).name == run_id  # it becomes part of a path
    scopes = scopes_of(lake, run_id) if is_name else []
    if not scopes:
        runs = lake.entries(FOLDER)[::-1]
        raise LakeError(
            f"{lake}: no landed pages of run {run_id!r}. "
            + (f"Landed runs, newest first: {', '.join(runs[:5])}." if runs else "No run has landed pages here.")
        )
    return [scope_file(lake, run_id, scope) for scope in scopes]


def scopes_of(lake: Lake, run_id: str) -> list[Scope]:
    """Return the scopes that the run has landed files of, in order; none if it landed nothing."""
    stems = [name.removesuffix(SUFFIX) for name in lake.entries(folder(run_id)) if name.endswith(SUFFIX)]
    return sorted(Scope(region, account_id) for account_id, _, region in (stem.partition("_") for stem in stems))


def scope_file(lake: Lake, run_id: str, scope: Scope) -> LandedScope:
    """Return one scope's landed file; LakeError if it is missing or damaged."""
    name = _name(run_id, scope)
    try:
        path = lake.fetch(name)
    except OSError as error:
        raise LakeError(f"{lake}: {name}: the landed pages cannot be read: {error}.") from error
    file = _open(path)
    listed_at = _listed_at(file)
    said = file.metadata.metadata or {}
    is_complete = said.get(OUTCOME) == COMPLETE.encode() and listed_at > NEVER
    parts = frozenset(said.get(LISTED_PARTS, b"").decode().split(",")) - {""}
    return LandedScope(scope, run_id, path, is_complete, listed_at, parts)


def is_sound(landed: LandedScope) -> bool:
    """Whether the file can be read to its end, each page of it as it was written."""
    file = _open(landed.path)
    try:
        for group in range(file.num_row_groups):
            file.read_row_group(group, use_threads=False)
    except (OSError, pa.ArrowException):
        return False
    return True


def take_over(lake: Lake, found: LandedScope, run_id: str) -> LandedScope:
    """Make a scope's landed file one of another run's, as if that run had listed it."""
    lake.copy(_name(found.run_id, found.scope), _name(run_id, found.scope))
    return scope_file(lake, run_id, found.scope)


def _name(run_id: str, scope: Scope) -> str:
    # an account id is what STS, or an ARN, says it is, and becomes part of a path here
    for word in (scope.account_id, scope.region):
        if not _IN_A_NAME.fullmatch(word):
            raise LakeError(
                f"account {scope.account_id!r}, region {scope.region!r}: cannot be kept, AWS has no such name."
            )
    return f"{folder(run_id)}/{scope.account_id}_{scope.region}{SUFFIX}"


def _listed_at(file: pq.ParquetFile) -> datetime:
    column = SCHEMA.get_field_index("observed_at")
    groups = [file.metadata.row_group(number).column(column).statistics for number in range(file.num_row_groups)]
    return max((group.max for group in groups), default=NEVER)


class Pages:
    """A landed file's pages, opened once, with the row group that was read last kept at hand.

    Most scopes are one row group, which is then read once; others are read a row group at a time.
    """

    def __init__(self, path: Path) -> None:
        """LakeError if the file cannot be read."""
        self._file = _open(path)
        self._path = path
        there = self._file.schema_arrow.names
        self._names = [name for name in SCHEMA.names[2:] if name in there or name not in _ADDED]
        self._group: tuple[int, list[RawPage]] = -1, []

    def heads(self) -> list[dict[str, Any]]:
        """Return what tells the pages apart (HEAD_COLUMNS), in the order they came.

        Columns that an older version did not write are left out.
        """
        names = [name for name in HEAD_COLUMNS if name in self._names]
        if self._file.num_row_groups == 1:
            return [{name: getattr(page, name) for name in names} for page in self._read(0)]
        rows: list[dict[str, Any]] = self._file.read(columns=names).to_pylist()
        return rows

    def wanted(self, wanted: Callable[[int], bool]) -> Iterator[RawPage]:
        """Yield the pages whose position (0-based) is wanted, a row group in memory at a time."""
        position = 0
        for group in range(self._file.num_row_groups):
            count = self._file.metadata.row_group(group).num_rows
            if any(wanted(position + offset) for offset in range(count)):
                for offset, page in enumerate(self._read(group)):
                    if wanted(position + offset):
                        yield page
            position += count

    def _read(self, group: int) -> list[RawPage]:
        if self._group[0] != group:
            self._group = -1, []  # one in memory, not two
            table = self._file.read_row_group(group, columns=self._names, use_threads=False)
            columns = [column.to_pylist() for column in table.columns]
            self._group = (
                group,
                [RawPage(**dict(zip(self._names, one, strict=True))) for one in zip(*columns, strict=True)],
            )
        return self._group[1]


class Bodies:
    """A landed file's bodies, asked for in about the order they stand in; a context manager.

    A few row groups are kept at hand, because projects are listed side by side.
    """

    def __init__(self, path: Path) -> None:
        """LakeError if the file cannot be read."""
        self._file = _open(path)
        self._path = path
        counts = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._starts = list(accumulate(counts, initial=0))
        self._groups: OrderedDict[int, pa.ChunkedArray] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._groups.clear()
        self._file.close()

    def body(self, position: int) -> memoryview:
        """Return the body of the page at that position (0-based), not copied; LakeError if it cannot be read."""
        group = bisect_right(self._starts, position) - 1
        if group not in self._groups:
            with _readable(self._path):
                bodies = self._file.read_row_group(group, columns=["body"], use_threads=False).column("body")
            self._groups[group] = bodies
            if len(self._groups) > GROUPS_AT_HAND:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        return memoryview(self._groups[group][position - self._starts[group]].as_buffer())


def digests(path: Path) -> list[dict[str, Any]]:
    """Return what tells the file's pages apart, each with its digest, in the order they came; none where none has.

    LakeError if the file cannot be read.
    """
    file = _open(path)
    if "digest" not in file.schema_arrow.names:
        return []
    with _readable(path):
        rows: list[dict[str, Any]] = file.read(columns=[*HEAD_COLUMNS, "digest"], use_threads=False).to_pylist()
    return rows


def heads(path: Path) -> list[dict[str, Any]]:
    """Return what tells the file's pages apart, in the order they came."""
    return Pages(path).heads()


def pages(path: Path, wanted: Callable[[int], bool]) -> Iterator[RawPage]:
    """Yield the file's pages whose position (0-based) is wanted, a row group in memory at a time."""
    return Pages(path).wanted(wanted)


def _open(path: Path) -> pq.ParquetFile:
    with _readable(path):
        return pq.ParquetFile(path, page_checksum_verification=True)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: cannot be read as landed pages: {error}.") from error

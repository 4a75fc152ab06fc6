"""Raw pages out of a landed file: all, those that are wanted, or what tells them apart."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from pipeline.landing.files import SCHEMA, opened, readable
from pipeline.model.page import RawPage

GROUPS_AT_HAND = 4
"""Row groups that stay in memory for who asks for bodies."""
HEAD_COLUMNS = ("operation", "project_arn", "listing", "page_number", "http_status", "resource_arn")
_ADDED = frozenset({"resource_arn", "digest"})
"""Columns that files of older versions lack; there they are empty."""


class Pages:
    """A landed file's pages, opened once, with the row group that was read last kept at hand.

    Most scopes are one row group, which is then read once; others are read a row group at a time.
    """

    def __init__(self, path: Path) -> None:
        """LakeError if the file cannot be read."""
        self._file = opened(path)
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
        self._file = opened(path)
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
            with readable(self._path):
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
    file = opened(path)
    if "digest" not in file.schema_arrow.names:
        return []
    with readable(path):
        rows: list[dict[str, Any]] = file.read(columns=[*HEAD_COLUMNS, "digest"], use_threads=False).to_pylist()
    return rows


def heads(path: Path) -> list[dict[str, Any]]:
    """Return what tells the file's pages apart, in the order they came."""
    return Pages(path).heads()


def pages(path: Path, wanted: Callable[[int], bool]) -> Iterator[RawPage]:
    """Yield the file's pages whose position (0-based) is wanted, a row group in memory at a time."""
    return Pages(path).wanted(wanted)

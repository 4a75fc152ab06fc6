"""Reads raw pages from a landed file: the heads of all of them, or the pages at given positions."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.landing.files import SCHEMA, open_file, readable
from pipeline.model.page import RawPage

GROUPS_IN_MEMORY = 4
"""Row groups that stay in memory. Projects are listed side by side, so the pages of one are spread over several."""
HEAD_COLUMNS = ("operation", "project_arn", "listing", "page_number", "http_status", "resource_arn")
PAGE_COLUMNS = SCHEMA.names[2:]


class Pages:
    """The pages of a landed file by 0-based position, in order of arrival."""

    def __init__(self, path: Path) -> None:
        """LakeError if the file cannot be read."""
        self._file = open_file(path)
        self._path = path
        counts = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._starts = list(accumulate(counts, initial=0))
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()

    def heads(self, *more: str) -> list[dict[str, Any]]:
        """Return HEAD_COLUMNS and `more` columns of all pages, in order of arrival."""
        with readable(self._path):
            rows: list[dict[str, Any]] = self._file.read([*HEAD_COLUMNS, *more], use_threads=False).to_pylist()
        return rows

    def at(self, positions: Iterable[int]) -> Iterator[RawPage]:
        """Yield the pages at these positions. They should ascend, because only a few row groups stay in memory."""
        for position in positions:
            group = bisect_right(self._starts, position) - 1
            rows, row = self._group(group), position - self._starts[group]
            yield RawPage(**{name: rows.column(name)[row].as_py() for name in PAGE_COLUMNS})

    def _group(self, group: int) -> pa.Table:
        if group not in self._groups:
            while len(self._groups) >= GROUPS_IN_MEMORY:
                self._groups.popitem(last=False)
            with readable(self._path):
                self._groups[group] = self._file.read_row_group(group, columns=PAGE_COLUMNS, use_threads=False)
        self._groups.move_to_end(group)
        return self._groups[group]

"""Snapshots: immutable folders of the declared tables and their histories, and the pointer to the published one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import LakeError, UsageError
from pipeline.lake import POINTER, Lake, Pointer, sha256
from pipeline.model.page import Scope

FORMAT = 3
"""Of the layout; a reader refuses what is newer than itself.

Format 1 had no histories, format 2 had a file of each. Since format 3 the history of a table that has not changed since
its first listing is the table's own file, with `since`.
"""
SINCE = "since"
"""In the manifest's entry of a history that is the table's own file: since when the rows of each scope have been so."""
FOLDER = "snapshots"
MANIFEST = "manifest.json"
LAKE_ENTRIES = frozenset({POINTER, FOLDER, "raw", "runs", "evidence", "lake.duckdb"})
MEND = "`reklake doctor` says what is damaged, and `reklake rollback` returns to the last snapshot that is whole"


@dataclass(frozen=True, slots=True)
class DetailSource:
    """The run whose landed pages a detail's rows of a scope come from, and when that listing ended.

    `whole` is False where they are not all the rows of those pages, or not only theirs: some have ended since, with
    what they were about, or are older and fill a gap.
    """

    run_id: str
    listed_at: datetime
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """The run whose landed pages a scope's rows come from, and when that listing ended.

    `whole` is False where a page of it could not be read: rows of the snapshot before it fill that gap. `details` says
    where the rows of each detail come from that was ever listed (model.operations.DETAILS); it may be an earlier run.
    """

    run_id: str
    whole: bool
    listed_at: datetime
    details: Mapping[str, DetailSource] = field(default_factory=dict)

    @property
    def runs(self) -> frozenset[str]:
        """Every run on whose pages rows of the scope came."""
        return frozenset({self.run_id, *(one.run_id for one in self.details.values())})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the lake, published or once so: what its manifest says, and its files.

    `pointer` is CURRENT as it was when it led here; None if it did not.
    """

    lake: Lake
    id: str
    manifest: Mapping[str, Any]
    pointer: Pointer | None = None
    _verified: set[str] = field(default_factory=set, compare=False, repr=False)

    @property
    def created_at(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.manifest["created_at"])

    @property
    def sources(self) -> dict[Scope, Source]:
        """Where each scope's rows come from."""
        return {
            Scope(one["region"], one["account_id"]): Source(
                one["run_id"],
                whole=one["whole"],
                listed_at=datetime.fromisoformat(one["listed_at"]) if "listed_at" in one else self.created_at,
                details={
                    detail: DetailSource(of["run_id"], datetime.fromisoformat(of["listed_at"]), whole=of["whole"])
                    for detail, of in one.get("details", {}).items()
                },
            )
            for one in self.manifest["scopes"]
        }

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        return {name: entry["rows"] for name, entry in self.manifest["tables"].items()}

    @property
    def files(self) -> dict[str, Mapping[str, Any]]:
        """What the manifest says of each file, by its path in the snapshot's folder."""
        entries = [*self.manifest["tables"].values(), *self.manifest.get("history", {}).values()]
        return {entry["file"]: entry for entry in entries}

    @property
    def has_history(self) -> bool:
        """Whether it was written by a version that keeps histories."""
        return "history" in self.manifest

    def has(self, table: str) -> bool:
        """Whether it holds the table; one of an older version may not."""
        return table in self.manifest["tables"]

    def since(self, table: str) -> dict[Scope, datetime] | None:
        """Return since when each scope's rows are as they are, where that is all the history that the table has.

        None where a history was written: the table's rows alone do not tell it then.
        """
        if not self.has_history:
            return dict.fromkeys(self.sources, self.created_at)
        told = self.manifest["history"][table].get(SINCE)
        return told and {
            Scope(one["region"], one["account_id"]): datetime.fromisoformat(one["valid_from"]) for one in told
        }

    def file(self, table: str, *, history: bool = False, verified: bool = False) -> Path:
        """Return a path to the Parquet file of a table or its history, which may be the same one (`since`).

        LakeError if it is missing or, where it is to be `verified`, not as it was written.
        """
        name = self.manifest["history" if history else "tables"][table]["file"]
        path = self._fetch(name)
        if verified:
            self._verify(name, path)
        return path

    def check(self) -> None:
        """See that the manifest has the shape that the rest of this class takes for granted.

        Raises whatever Python does where it has not; its values are looked at as far as that.
        """
        _ = self.files, self.sources
        for table in self.manifest.get("history", {}):
            self.since(table)

    def verify(self) -> None:
        """Read every file; LakeError if one is missing or not as it was written."""
        for name in self.files:
            self._verify(name, self._fetch(name))

    def damage(self) -> list[str]:
        """Say of each file that is missing, or not as it was written, which it is; read where it is stored."""
        found = []
        for name, wanted in self.files.items():
            try:
                facts = self.lake.facts(f"{FOLDER}/{self.id}/{name}")
            except FileNotFoundError:
                found.append(f"{name} is missing")
                continue
            if (facts.bytes, facts.sha256) != (wanted["bytes"], wanted["sha256"]):
                found.append(f"{name} is not as it was written")
        return found

    def folder(self) -> Path:
        """Return a folder on this machine with all its files; LakeError if one is missing."""
        here = self.lake.fetch_folder(f"{FOLDER}/{self.id}")  # side by side, where they come from elsewhere
        self.lake.fetch_folder(f"{FOLDER}/{self.id}/history")
        for name in [MANIFEST, *self.files]:
            self._fetch(name)
        return here

    def _verify(self, name: str, path: Path) -> None:
        if name not in self._verified:
            if not self._is_intact(name, path):
                self.lake.forget(f"{FOLDER}/{self.id}/{name}")  # it may be the mirror that is damaged
                path = self._fetch(name)
            if not self._is_intact(name, path):
                raise LakeError(f"{self.lake}: snapshot {self.id}: {name} is not as it was written; {MEND}.")
            self._verified.add(name)

    def _is_intact(self, name: str, path: Path) -> bool:
        wanted = self.files[name]
        return bool(path.stat().st_size == wanted["bytes"] and sha256(path) == wanted["sha256"])

    def _fetch(self, name: str) -> Path:
        try:
            return self.lake.fetch(f"{FOLDER}/{self.id}/{name}")
        except FileNotFoundError as error:
            raise LakeError(f"{self.lake}: snapshot {self.id}: {name} is missing; {MEND}.") from error


def find(lake: Lake) -> Snapshot | None:
    """Return the published snapshot, None if nothing was published yet; LakeError if the pointer leads nowhere."""
    pointer = lake.pointer()
    if pointer is None:
        return None
    return read(lake, pointer.value, pointer)


def is_published(lake: Lake, snapshot_id: str) -> bool:
    """Whether the pointer names it; not if that cannot be told."""
    with suppress(OSError, LakeError):
        pointer = lake.pointer()
        return pointer is not None and pointer.value == snapshot_id
    return False


def read(lake: Lake, snapshot_id: str, pointer: Pointer | None = None) -> Snapshot:
    """Return the snapshot of that id; LakeError if it is not there, cannot be read, or is of a newer format."""
    where = f"{lake}: {f'{POINTER} names ' if pointer else ''}snapshot {snapshot_id!r}"
    if not snapshot_id or Path(snapshot_id).name != snapshot_id:  # it becomes part of a path
        raise LakeError(f"{where}, which is no name of a snapshot; {MEND}.")
    try:
        manifest = json.loads(lake.read(f"{FOLDER}/{snapshot_id}/{MANIFEST}"))
        missing = {"format", "tables", "scopes"} - manifest.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise LakeError(f"{where}, whose manifest cannot be read: {error}; {MEND}.") from error
    if missing:
        raise LakeError(f"{where}, whose manifest cannot be read: it lacks {', '.join(sorted(missing))}; {MEND}.")
    found = Snapshot(lake, snapshot_id, manifest, pointer)
    try:
        if manifest["format"] > FORMAT:
            raise LakeError(f"{where}, written by a newer reklake (format {manifest['format']}). Upgrade reklake.")
        found.check()
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise LakeError(f"{where}, whose manifest cannot be read: it has another shape ({error}); {MEND}.") from error
    return found


def current(lake: Lake) -> Snapshot:
    """Return the published snapshot; LakeError with the next step if there is none."""
    check_exists(lake)
    snapshot = find(lake)
    if snapshot is None:
        raise LakeError(
            f"{lake}: holds no published snapshot. Run `reklake sync` first, or name another lake with --lake."
        )
    return snapshot


def check_exists(lake: Lake) -> None:
    """LakeError with the next step if there is no lake."""
    if not lake.exists():
        if lake.is_local and lake.root.exists():
            raise LakeError(f"{lake}: is a file, not a lake. Name another with --lake.")
        raise LakeError(f"{lake}: no such lake. Make one with `reklake sync`, or name another with --lake.")


def check_usable(lake: Lake) -> None:
    """See that a lake is there or can be; UsageError if something else is."""
    try:
        if lake.is_local:
            if {"?", "\\"} & set(str(lake.root.absolute())):
                raise UsageError(f"{lake}: DuckDB cannot use a path that has ? or \\. Name another --lake.")
            if lake.root.exists() and not lake.root.is_dir():
                raise UsageError(f"{lake}: is a file, not a folder. Name another --lake.")
        entries = lake.entries()
    except OSError as error:
        raise LakeError(f"{lake}: cannot be used: {error.strerror}. Name another --lake.") from error
    foreign = [entry for entry in entries if entry not in LAKE_ENTRIES]
    if foreign and not LAKE_ENTRIES & set(entries):
        raise UsageError(f"{lake}: is not a lake, but holds {foreign[0]} and more. Name an empty or new folder.")

"""Snapshots: immutable folders with the declared tables and their histories, of which CURRENT names one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import LakeError, UsageError
from pipeline.lake import DATABASE, FOLDERS, MANIFEST, POINTER, SNAPSHOTS, Lake, Pointer, sha256
from pipeline.lake.run_record import text_of
from pipeline.model.page import Scope

FORMAT = 4
"""The version of the layout. Only this one is read, because earlier ones were never released."""
HISTORY = "history"
"""The folder of a snapshot that holds the states that have ended; the manifest and a DuckDB schema use it too."""
LAKE_ENTRIES = FOLDERS | {POINTER, DATABASE}
REMEDY = "`reklake doctor` says what is damaged, and `reklake rollback` returns to the last snapshot that is whole"


@dataclass(frozen=True, slots=True)
class DetailSource:
    """The run whose landed pages the rows of a detail come from, and when that listing ended.

    `whole` says whether the rows are exactly those of the pages. It is False if some have ended since, with the
    resource that they were about, or if older rows fill a gap.
    """

    run_id: str
    listed_at: datetime
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """Where a scope's rows come from: the run that landed the pages, when that listing ended, and how it was flattened.

    `whole` is False if a page could not be read, so that rows of the previous snapshot fill the gap. `is_lenient` says
    whether the lenient reader had to read a page. `declaration` is the digest of the declared tables, and `reklake` the
    version that flattened. `pages`, `projects` and `versions` are counts. `details` has the source
    of each detail that was ever listed, which may be an earlier run.
    """

    run_id: str
    listed_at: datetime
    declaration: str
    reklake: str
    whole: bool = True
    is_lenient: bool = False
    pages: int = 0
    projects: int = 0
    versions: int = 0
    details: Mapping[str, DetailSource] = field(default_factory=dict)

    @property
    def runs(self) -> frozenset[str]:
        """The runs whose pages the rows of the scope come from."""
        return frozenset({self.run_id, *(detail.run_id for detail in self.details.values())})

    def as_json(self, scope: Scope) -> dict[str, Any]:
        """Return the manifest's entry of the scope."""
        details = {
            name: {**asdict(detail), "listed_at": text_of(detail.listed_at)}
            for name, detail in sorted(self.details.items())
        }
        named = {"account_id": scope.account_id, "region": scope.region}
        return {**named, **asdict(self), "listed_at": text_of(self.listed_at), "details": details}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> tuple[Scope, Source]:
        """Return a scope and its source from a manifest entry; LookupError, TypeError or ValueError if it is none."""
        values = {name: entry[name] for name in cls.__slots__}
        values["listed_at"] = datetime.fromisoformat(values["listed_at"])
        values["details"] = {
            name: DetailSource(detail["run_id"], datetime.fromisoformat(detail["listed_at"]), whole=detail["whole"])
            for name, detail in values["details"].items()
        }
        return Scope(entry["region"], entry["account_id"]), cls(**values)


@dataclass(frozen=True)
class Snapshot:
    """A state of the lake: the manifest and the files of its folder.

    `pointer` is CURRENT as it was read, if it named this snapshot; else None.
    """

    lake: Lake
    id: str
    manifest: Mapping[str, Any]
    pointer: Pointer | None = None
    _verified: set[str] = field(default_factory=set, compare=False, repr=False)

    @cached_property
    def sources(self) -> dict[Scope, Source]:
        """Where each scope's rows come from."""
        return dict(Source.from_json(entry) for entry in self.manifest["scopes"])

    def columns(self, declaration: str, table: str) -> list[str]:
        """Return the columns of a table in an earlier declaration; none if it was not declared."""
        found: list[str] = self.manifest["declarations"][declaration].get(table, [])
        return found

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows of each table."""
        return {name: entry["rows"] for name, entry in self.manifest["tables"].items()}

    @property
    def files(self) -> dict[str, Mapping[str, Any]]:
        """The manifest's entry of each file, by its path in the snapshot's folder."""
        entries = [*self.manifest["tables"].values(), *self.manifest[HISTORY].values()]
        return {entry["file"]: entry for entry in entries}

    def has(self, table: str) -> bool:
        """Whether the snapshot has the table. A snapshot of an older version may lack it."""
        return table in self.manifest["tables"]

    def file(self, table: str, *, history: bool = False, verified: bool = False) -> Path:
        """Return a path to the Parquet file of a table's current rows, or of its ended states (`history`).

        LakeError if the file is missing or, with `verified`, differs from what was written.
        """
        name = self.manifest[HISTORY if history else "tables"][table]["file"]
        path = self.path(name)
        if verified:
            self._verify(name, path)
        return path

    def check(self) -> None:
        """Check that the manifest has the shape that this class relies on.

        AttributeError, LookupError, TypeError or ValueError if it does not.
        """
        for source in self.sources.values():
            self.columns(source.declaration, "")
        _ = self.files

    def verify(self) -> None:
        """Check every file against the manifest; LakeError if one is missing or differs from what was written."""
        for name in self.files:
            self._verify(name, self.path(name))

    def damage(self) -> list[str]:
        """Describe each file that is missing or differs from what was written, checked in the lake's storage."""
        found = []
        for name, wanted in self.files.items():
            try:
                facts = self.lake.facts(f"{SNAPSHOTS}/{self.id}/{name}")
            except FileNotFoundError:
                found.append(f"{name} is missing")
                continue
            if (facts.bytes, facts.sha256) != (wanted["bytes"], wanted["sha256"]):
                found.append(f"{name} is not as it was written")
        return found

    def folder(self) -> Path:
        """Return the folder on this machine with all files of the snapshot; LakeError if one is missing."""
        here = self.lake.fetch_folder(f"{SNAPSHOTS}/{self.id}")  # from S3, files are fetched side by side
        self.lake.fetch_folder(f"{SNAPSHOTS}/{self.id}/{HISTORY}")
        for name in [MANIFEST, *self.files]:
            self.path(name)
        return here

    def _verify(self, name: str, path: Path) -> None:
        if name not in self._verified:
            if not self._is_intact(name, path):
                self.lake.forget(f"{SNAPSHOTS}/{self.id}/{name}")  # the mirror's copy may be damaged
                path = self.path(name)
            if not self._is_intact(name, path):
                raise LakeError(f"{self.lake}: snapshot {self.id}: {name} is not as it was written; {REMEDY}.")
            self._verified.add(name)

    def _is_intact(self, name: str, path: Path) -> bool:
        wanted = self.files[name]
        return bool(path.stat().st_size == wanted["bytes"] and sha256(path) == wanted["sha256"])

    def path(self, name: str) -> Path:
        """Return a path on this machine to a file of `files`; LakeError if it is missing."""
        try:
            return self.lake.fetch(f"{SNAPSHOTS}/{self.id}/{name}")
        except FileNotFoundError as error:
            raise LakeError(f"{self.lake}: snapshot {self.id}: {name} is missing; {REMEDY}.") from error


def find(lake: Lake) -> Snapshot | None:
    """Return the published snapshot; None if nothing is published, LakeError if CURRENT names none that can be read."""
    pointer = lake.pointer()
    if pointer is None:
        return None
    return read(lake, pointer.value, pointer)


def is_published(lake: Lake, snapshot_id: str) -> bool:
    """Whether CURRENT names the snapshot; False if CURRENT cannot be read."""
    with suppress(OSError, LakeError):
        pointer = lake.pointer()
        return pointer is not None and pointer.value == snapshot_id
    return False


def read(lake: Lake, snapshot_id: str, pointer: Pointer | None = None) -> Snapshot:
    """Return the snapshot of that id; LakeError if it does not exist, cannot be read, or has another format."""
    where = f"{lake}: {f'{POINTER} names ' if pointer else ''}snapshot {snapshot_id!r}"
    if not snapshot_id or Path(snapshot_id).name != snapshot_id:  # it becomes part of a path
        raise LakeError(f"{where}, which cannot be the id of a snapshot; {REMEDY}.")
    try:
        manifest = json.loads(lake.read(f"{SNAPSHOTS}/{snapshot_id}/{MANIFEST}"))
        missing = {"format"} - manifest.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise LakeError(f"{where}, whose manifest cannot be read: {error}; {REMEDY}.") from error
    if missing:
        raise LakeError(f"{where}, whose manifest cannot be read: it lacks {', '.join(sorted(missing))}; {REMEDY}.")
    found = Snapshot(lake, snapshot_id, manifest, pointer)
    try:
        if manifest["format"] > FORMAT:
            raise LakeError(f"{where}, written by a newer reklake (format {manifest['format']}). Upgrade reklake.")
        if manifest["format"] < FORMAT:
            raise LakeError(f"{where}, made by an earlier reklake: sync into a new lake.")
        found.check()
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise LakeError(f"{where}, whose manifest cannot be read: it has another shape ({error}); {REMEDY}.") from error
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
    """Raise LakeError, with the next step, if there is no lake."""
    if not lake.exists():
        if lake.is_local and lake.root.exists():
            raise LakeError(f"{lake}: is a file, not a lake. Name another with --lake.")
        raise LakeError(f"{lake}: no such lake. Make one with `reklake sync`, or name another with --lake.")


def check_usable(lake: Lake) -> None:
    """Check that a lake exists or can be made; UsageError if something else is in its place."""
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

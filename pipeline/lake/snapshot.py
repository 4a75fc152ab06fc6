"""Snapshots: immutable folders of the declared tables and their histories, and the pointer to the published one."""

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
"""Of the layout. Only this one is read: earlier ones were never released."""
HISTORY = "history"
"""The folder of a snapshot that holds the states that have ended; the manifest and a DuckDB schema use it too."""
LAKE_ENTRIES = FOLDERS | {POINTER, DATABASE}
REMEDY = "`reklake doctor` says what is damaged, and `reklake rollback` returns to the last snapshot that is whole"


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
    """Where a scope's rows come from: the run that landed the pages, when that listing ended, and how it was flattened.

    `whole` is False where a page could not be read: rows of the snapshot before fill that gap. `is_lenient` says that
    the lenient reader had to read one. `declaration` is the digest of the tables as they were declared, `reklake` the
    version that flattened. `pages`, `projects`, `versions` and `unknown_members` are counts. `details` says where the
    rows of each detail come from that was ever listed; it may be an earlier run.
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
    unknown_members: int = 0
    details: Mapping[str, DetailSource] = field(default_factory=dict)

    @property
    def runs(self) -> frozenset[str]:
        """Every run on whose pages rows of the scope came."""
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
        """Return a scope and its source from the manifest's entry. LookupError, TypeError, ValueError: it is none."""
        values = {name: entry[name] for name in cls.__slots__}
        values["listed_at"] = datetime.fromisoformat(values["listed_at"])
        values["details"] = {
            name: DetailSource(detail["run_id"], datetime.fromisoformat(detail["listed_at"]), whole=detail["whole"])
            for name, detail in values["details"].items()
        }
        return Scope(entry["region"], entry["account_id"]), cls(**values)


@dataclass(frozen=True)
class Snapshot:
    """One state of the lake, published or once so: what its manifest says, and its files.

    `pointer` is CURRENT as it was when it led here; None if it did not.
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
        """Return the columns that a table had in that declaration; none if it was not declared."""
        found: list[str] = self.manifest["declarations"][declaration].get(table, [])
        return found

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        return {name: entry["rows"] for name, entry in self.manifest["tables"].items()}

    @property
    def files(self) -> dict[str, Mapping[str, Any]]:
        """What the manifest says of each file, by its path in the snapshot's folder."""
        entries = [*self.manifest["tables"].values(), *self.manifest[HISTORY].values()]
        return {entry["file"]: entry for entry in entries}

    def has(self, table: str) -> bool:
        """Whether it holds the table; one of an older version may not."""
        return table in self.manifest["tables"]

    def file(self, table: str, *, history: bool = False, verified: bool = False) -> Path:
        """Return a path to the Parquet file of a table's current rows, or of the states that have ended (`history`).

        LakeError if it is missing or, where it is to be `verified`, not as it was written.
        """
        name = self.manifest[HISTORY if history else "tables"][table]["file"]
        path = self.path(name)
        if verified:
            self._verify(name, path)
        return path

    def check(self) -> None:
        """See that the manifest has the shape that the rest of this class takes for granted.

        Raises whatever Python does where it has not; its values are looked at as far as that.
        """
        for source in self.sources.values():
            self.columns(source.declaration, "")
        _ = self.files

    def verify(self) -> None:
        """Read every file; LakeError if one is missing or not as it was written."""
        for name in self.files:
            self._verify(name, self.path(name))

    def damage(self) -> list[str]:
        """Say of each file that is missing, or not as it was written, which it is; read where it is stored."""
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
        """Return a folder on this machine with all its files; LakeError if one is missing."""
        here = self.lake.fetch_folder(f"{SNAPSHOTS}/{self.id}")  # side by side, where they come from elsewhere
        self.lake.fetch_folder(f"{SNAPSHOTS}/{self.id}/{HISTORY}")
        for name in [MANIFEST, *self.files]:
            self.path(name)
        return here

    def _verify(self, name: str, path: Path) -> None:
        if name not in self._verified:
            if not self._is_intact(name, path):
                self.lake.forget(f"{SNAPSHOTS}/{self.id}/{name}")  # it may be the mirror that is damaged
                path = self.path(name)
            if not self._is_intact(name, path):
                raise LakeError(f"{self.lake}: snapshot {self.id}: {name} is not as it was written; {REMEDY}.")
            self._verified.add(name)

    def _is_intact(self, name: str, path: Path) -> bool:
        wanted = self.files[name]
        return bool(path.stat().st_size == wanted["bytes"] and sha256(path) == wanted["sha256"])

    def path(self, name: str) -> Path:
        """Return a path on this machine to a file, named as in `files`; LakeError if it is missing."""
        try:
            return self.lake.fetch(f"{SNAPSHOTS}/{self.id}/{name}")
        except FileNotFoundError as error:
            raise LakeError(f"{self.lake}: snapshot {self.id}: {name} is missing; {REMEDY}.") from error


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
        raise LakeError(f"{where}, which is no name of a snapshot; {REMEDY}.")
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

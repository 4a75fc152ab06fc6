"""A snapshot in the making: scopes come in their order, histories follow from the one before it, CURRENT moves last."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import BusyError, LakeError
from pipeline.lake import POINTER, Lake, sha256
from pipeline.lake.snapshot import FOLDER, FORMAT, MANIFEST, MEND, SINCE, DetailSource, Snapshot, Source, is_published
from pipeline.load import history
from pipeline.load.parallel import ordered_map
from pipeline.load.replacing import Replacing
from pipeline.load.sorted_file import TableFile, rows_of
from pipeline.model import TABLES, Table, declaration, history_of, parent_key, table, tables_of_detail
from pipeline.model.operations import DETAILS
from pipeline.model.page import Scope

HISTORY = "history"
LISTED_TABLES = tuple(one for one in TABLES if one.operation not in DETAILS.values())
"""The tables of the two listings; the others are the details'."""
FEW_SCOPES = 10
"""Scopes up to which a first history is not written: in the views each is a branch of every table's SQL, looked at for
every row, and in the manifest an entry of every table."""


class SnapshotWriter:
    """A snapshot in the making: add scopes in their order, then `seal` it."""

    def __init__(self, folder: Path, snapshot_id: str, previous: Snapshot | None) -> None:
        self.id = snapshot_id
        self._folder = folder
        self._previous = previous
        self._before = previous.sources if previous else {}
        self._files: dict[str, TableFile] = {}
        """Tables that may come to differ from the previous ones."""
        self._to_carry: dict[str, list[Scope]] = {table.name: [] for table in TABLES}
        self._replaced: dict[str, list[Replacing]] = defaultdict(list)
        self._is_compared: set[str] = set()
        """Tables whose rows have to be compared with the previous ones to know which are new."""
        self._sources: dict[Scope, Source] = {}
        self._carried_details: dict[Scope, dict[str, DetailSource]] = defaultdict(dict)
        self._listed: dict[Scope, datetime] = {}
        self._opened: dict[str, pq.ParquetFile] = {}
        self.is_closed = False
        self.is_changed = False
        self.doubt: str | None = None
        """Why it may not stay published, though it is."""

    def add(self, tables: Mapping[str, pa.Table], settled: str | None = None) -> None:
        """Append rows of the scope that is being written, each table sorted by key; `settled` as in TableFile.add."""
        for name, rows in tables.items():
            self._is_compared.add(name)
            self._file(name).add(rows, settled)

    def undo(self, scope: Scope) -> None:
        """Take out what was added of the scope."""
        for file in self._files.values():
            file.drop(scope.account_id, scope.region)
        for scopes in self._to_carry.values():
            if scope in scopes:
                scopes.remove(scope)
        self._is_compared.update(self._files)  # what `replace` noted of the scope no longer tells what is new

    def listed(
        self, scope: Scope, run_id: str, listed_at: datetime, *, whole: bool = True, details: Collection[str] = ()
    ) -> datetime:
        """Note that the scope's rows are those of that run's pages, of which the last came at `listed_at`.

        So are those of `details`; the others' are what `carry_detail` took over. Returns the instant at which what has
        changed has done so, in the scope's history: that one or, should a clock have gone back, just after the listing
        before.
        """
        before = self._before.get(scope)
        if before and listed_at <= before.listed_at:
            again = timedelta(0) if before.run_id == run_id else timedelta(microseconds=1)
            listed_at = before.listed_at + again
        listed_details = {detail: DetailSource(run_id, listed_at, whole) for detail in details}
        self._sources[scope] = Source(run_id, whole, listed_at, self._carried_details[scope] | listed_details)
        self._listed[scope] = listed_at
        return listed_at

    def carry(self, scope: Scope) -> None:
        """Take the scope's rows over from the previous snapshot as they are."""
        self.keep(scope, [one.name for one in TABLES])
        if scope in self._before:
            self._sources[scope] = self._before[scope]

    def keep(self, scope: Scope, names: Iterable[str]) -> None:
        """Take the scope's rows of these tables over; they are read when others are added to the table, if ever."""
        for name in names:
            self._to_carry[name].append(scope)

    def replace(self, scope: Scope, name: str, old: pa.Array, rows: pa.Table) -> bool:
        """Take the scope's rows of a table over and, instead of those about the ARNs in `old`, add `rows`.

        Returns False if a row that was taken over is about an ARN that some of `rows` are about: undo the scope then.
        """
        file = self._file(name)
        replacing = Replacing(table(name), old, rows)
        before = (rows for _, rows in self._previous_rows(scope, [table(name)]))
        for _ in ordered_map(file.add, replacing.rows(before)):
            pass  # rows are added in order, on a thread of their own
        if replacing.is_contradicted:
            return False
        self._replaced[name].append(replacing)
        return True

    def _file(self, name: str) -> TableFile:
        """Return the table's file, with the rows that it was said to take over until now."""
        if name not in self._files:
            self._files[name] = TableFile(table(name), self._folder / f"{name}.parquet")
        scopes, self._to_carry[name] = self._to_carry[name], []
        for scope in scopes:
            for _, rows in self._previous_rows(scope, [table(name)]):
                self._files[name].add(rows)
        return self._files[name]

    def carry_beneath(self, scope: Scope, present: Mapping[str, pa.Array]) -> pa.Array:
        """Take over previous rows of the descriptions that this run did not see, with what is nested in them.

        `present` holds, by operation, the ARNs that this run has seen. Returns the ARNs of what was taken over: its
        projects, datasets and versions.
        """
        carried = [pa.array([], pa.string())]
        for name, rows in self._previous_rows(scope, LISTED_TABLES):
            arns = rows.column(parent_key(table(name)))
            kept = rows.filter(pc.invert(pc.is_in(arns, present[table(name).operation])))
            self.add({name: kept})
            carried.append(kept.column(table(name).key[0]).combine_chunks())
        return pa.concat_arrays(carried)

    def carry_detail(self, scope: Scope, detail: str, resources: pa.Array) -> None:
        """Take over a detail's previous rows about these ARNs, as they are; those about others end."""
        before = self._before[scope].details.get(detail) if scope in self._before and len(resources) else None
        for name, rows in self._previous_rows(scope, tables_of_detail(detail)) if len(resources) else ():
            kept = rows.filter(pc.is_in(rows.column(table(name).key[0]), resources))
            self.add({name: kept})
            if before and kept.num_rows < rows.num_rows:
                before = replace(before, whole=False)
        if before:
            self._carried_details[scope][detail] = before

    def asked_before(self, scope: Scope) -> pa.Array:
        """Return the ARNs that previous rows of the scope's details are about, each once."""
        found = [pa.array([], pa.string())]
        for detail in DETAILS:
            for name, rows in self._previous_rows(scope, tables_of_detail(detail)):
                found.append(pc.unique(rows.column(table(name).key[0])))
        return pc.unique(pa.concat_arrays(found))

    def arns_before(self, scope: Scope, name: str) -> Iterator[pa.Array]:
        """Yield the ARNs that previous rows of one of the scope's tables are about."""
        for _, rows in self._previous_rows(scope, [table(name)]):
            yield rows.column(parent_key(table(name))).combine_chunks()

    def _previous_rows(self, scope: Scope, tables: Iterable[Table]) -> Iterator[tuple[str, pa.Table]]:
        if self._previous and scope in self._before:
            for one in tables:
                if self._previous.rows.get(one.name):
                    with _readable(self._previous):
                        for rows in rows_of(self._previous_file(one), one, scope.account_id, scope.region):
                            yield one.name, rows

    def _previous_file(self, one: Table) -> pq.ParquetFile:
        """Open a file of the previous snapshot once for all scopes: its statistics then lead to each scope's rows."""
        if self._previous and one.name not in self._opened:
            self._opened[one.name] = pq.ParquetFile(self._previous.file(one.name, verified=True))
        return self._opened[one.name]

    def seal(self, *, created_at: str, software: Mapping[str, str], run: Callable[[], Mapping[str, Any]]) -> None:
        """Finish the tables and, if they differ from the previous ones, write their histories and the manifest.

        If all scopes were carried, nothing differs.

        `run` gives the record of the run that publishes it, as far as it is known then.
        """
        if not self._files and self._previous and self._previous.has_history:
            return
        tables = {one.name: self._finish(one) for one in TABLES}
        self.is_closed = True
        self.is_changed = self._differs(tables)
        if not self.is_changed:
            return
        manifest = {
            "format": FORMAT,
            "id": self.id,
            "parent": self._previous.id if self._previous else None,
            "created_at": created_at,
            "software": dict(software),
            "declared": declaration(),
            "tables": tables,
            "history": self._write_histories(tables),
            "scopes": [
                {
                    "account_id": scope.account_id,
                    "region": scope.region,
                    "run_id": one.run_id,
                    "whole": one.whole,
                    "listed_at": _text(one.listed_at),
                    "details": {
                        detail: {"run_id": of.run_id, "listed_at": _text(of.listed_at), "whole": of.whole}
                        for detail, of in sorted(one.details.items())
                    },
                }
                for scope, one in sorted(self._sources.items(), key=lambda item: item[0])
            ],
            "run": run(),
        }
        (self._folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    def _finish(self, one: Table) -> dict[str, Any]:
        """Finish the table's file and return its entry; where all scopes keep their rows, it is a copy."""
        before = self._previous
        is_kept = one.name not in self._files and set(self._before) <= set(self._to_carry[one.name])
        if is_kept and before and before.has(one.name) and before.manifest.get("declared") == declaration():
            shutil.copyfile(before.file(one.name, verified=True), self._folder / f"{one.name}.parquet")
            return dict(before.manifest["tables"][one.name])
        file = self._file(one.name)
        file.close()
        return _entry(file.path, file.path.name, file.rows)

    def _differs(self, tables: Mapping[str, Any]) -> bool:
        """Whether the tables differ from the previous snapshot's, or its scopes, or whether they are whole."""
        if self._previous is None or not self._previous.has_history:
            return True
        whole = {scope: one.whole for scope, one in self._sources.items()}
        whole_before = {scope: one.whole for scope, one in self._before.items()}
        return not (tables == self._previous.manifest["tables"] and whole == whole_before)

    def _write_histories(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        with _readable(self._previous):
            return {one.name: self._write_history(one, tables[one.name]) for one in TABLES}

    def _write_history(self, one: Table, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entry of the table's history, and write it, unless the table's own file tells as much."""
        if so_since := self._so_since(one, entry):
            return {**entry, SINCE: so_since}
        path = self._folder / HISTORY / f"{one.name}.parquet"
        path.parent.mkdir(exist_ok=True)
        before, known, since = self._previous, None, None
        replaced: Sequence[Replacing] = ()
        if before and before.has(one.name):
            known = before.file(one.name, history=before.has_history, verified=True)
            since = before.since(one.name)
            if before.has_history and history.is_whole(known, history_of(one) if since is None else one):
                if entry == before.manifest["tables"][one.name]:
                    shutil.copyfile(known, path)  # no row has changed
                    return dict(before.manifest["history"][one.name])
                if one.name not in self._is_compared:
                    replaced = self._replaced[one.name]
        present = self._folder / f"{one.name}.parquet"
        rows = history.write(
            one, path, known=known, present=present, listed=self._listed, known_since=since, replaced=replaced
        )
        return _entry(path, f"{HISTORY}/{path.name}", rows)

    def _so_since(self, one: Table, entry: Mapping[str, Any]) -> list[dict[str, str]] | None:
        """Return since when each scope's rows are as they are, where nothing else is known of them; None where it is.

        So it is of all tables in a first snapshot, and of one that has not changed since.
        """
        before = self._previous
        if before is None:
            return self._so_since_listed() if len(self._listed) <= FEW_SCOPES else None
        is_same = before.has_history and entry == before.manifest["tables"].get(one.name)
        return before.manifest["history"][one.name].get(SINCE) if is_same else None

    def _so_since_listed(self) -> list[dict[str, str]]:
        return [
            {"account_id": scope.account_id, "region": scope.region, "valid_from": _text(at)}
            for scope, at in sorted(self._listed.items())
        ]

    def abandon(self) -> None:
        """Let go of the files; the folder is thrown away by its owner."""
        for file in self._files.values():
            file.abandon()


@contextmanager
def writer(lake: Lake, snapshot_id: str, previous: Snapshot | None) -> Iterator[SnapshotWriter]:
    """Open a snapshot to write; when the block ends with a sealed one that changes something, it is published.

    Not sealed, or nothing changed: no folder is left and CURRENT stays. BusyError if CURRENT has moved since
    `previous` was found.
    """
    name = f"{FOLDER}/{snapshot_id}"
    with lake.new_folder(name) as new:
        snapshot = SnapshotWriter(new.path, snapshot_id, previous)
        try:
            yield snapshot
        finally:
            if not snapshot.is_closed:
                snapshot.abandon()
        new.is_wanted = snapshot.is_changed
    if new.is_wanted:
        try:
            lake.point(snapshot_id, previous.pointer if previous else None)
        except BusyError:  # certain that CURRENT names another; after any other error it may name this one
            with suppress(OSError, LakeError):  # should it stay, the next sync removes it
                lake.remove(name)
            raise
        except OSError as error:
            if not is_published(lake, snapshot_id):
                raise
            snapshot.doubt = f"{POINTER}, which names it, may be lost in a power failure: {error}"


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _entry(path: Path, name: str, rows: int) -> dict[str, Any]:
    return {"file": name, "rows": rows, "bytes": path.stat().st_size, "sha256": sha256(path)}


@contextmanager
def _readable(previous: Snapshot | None) -> Iterator[None]:
    """Name the snapshot whose file Arrow cannot read, though it is as it was written."""
    try:
        yield
    except pa.ArrowException as error:
        where = f"{previous.lake}: snapshot {previous.id}" if previous else "the new snapshot"
        raise LakeError(f"{where}: cannot be read: {str(error).splitlines()[0]}; {MEND}.") from error

"""A lake in a local folder. Files are written under a temporary name, synced to disk and renamed; flock is the lock."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import BusyError
from pipeline.lake.base import POINTER, RAW, Facts, Lake, NewFolder, Pointer, sha256

LOCK = ".lock"
TEMPORARY = ".*.tmp*"
"""Names of unfinished files and folders: `.<name>.<process>.tmp`, beside their final name."""
PROBE_SECONDS = 0.05
"""How long the `holder` call of another process can hold the lock."""


class LocalLake(Lake):
    """A lake in a folder of this machine (or of a network file system that has flock)."""

    is_local = True

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        return self._root

    def __str__(self) -> str:
        return str(self.root)

    def exists(self) -> bool:
        return self.root.is_dir()

    def entries(self, folder: str = "") -> list[str]:
        with suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith("."))
        return []

    def fetch(self, name: str) -> Path:
        path = self.root / name
        path.stat()
        return path

    def facts(self, name: str) -> Facts:
        path = self.root / name
        return Facts(path.stat().st_size, sha256(path))

    def size(self, name: str) -> int:
        path = self.root / name
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())

    @contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        path = self.root / name
        make_folder(path.parent)
        temporary = _temporary(path)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # a rename does nothing if both names are links to the same file
        sync(path.parent)

    @contextmanager
    def new_folder(self, name: str) -> Iterator[NewFolder]:
        path = self.root / name
        make_folder(path.parent)
        temporary = _temporary(path)
        temporary.mkdir()
        try:
            new = NewFolder(temporary)
            yield new
            if new.is_wanted:
                for target, source in new.links.items():
                    (temporary / target).parent.mkdir(parents=True, exist_ok=True)
                    _link(self.fetch(source), temporary / target)
                for folder, _, files in os.walk(temporary, topdown=False):
                    for file in files:
                        sync(Path(folder) / file)
                    sync(Path(folder))
                temporary.rename(path)
                sync(path.parent)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary)

    def write_if_absent(self, name: str, content: bytes) -> bool:
        if (self.root / name).exists():
            return False
        with self.new_file(name) as path:
            path.write_bytes(content)
        return True

    def link(self, source: str, target: str) -> None:
        path = self.fetch(source)
        with self.new_file(target) as temporary:
            _link(path, temporary)

    def remove(self, name: str) -> None:
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            # renamed first, so that a reader never sees part of a snapshot, even if the removal is interrupted
            temporary = _temporary(path)
            path.rename(temporary)
            shutil.rmtree(temporary)
        else:
            path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            sync(path.parent)

    def pointer(self) -> Pointer | None:
        try:
            content = (self.root / POINTER).read_bytes()
        except FileNotFoundError:
            return None
        value = content.decode("utf-8", "replace").strip()
        return Pointer(value, value)

    def point(self, value: str, seen: Pointer | None) -> None:
        if self.pointer() != seen:
            raise BusyError(f"{self}: another process has moved CURRENT. Nothing was published; run again.")
        self.write_text(POINTER, value + "\n")

    @contextmanager
    def locked(self, run_id: str) -> Iterator[None]:
        make_folder(self.root)
        descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _lock(descriptor) and not _lock_again(descriptor):
                raise BusyError(f"{self}: is in use: {_holder_of(descriptor)}. Run again when it has ended.")
            _write_holder(descriptor, run_id)
            yield
        finally:
            os.close(descriptor)  # releases the lock, as the kernel does when the process dies

    def holder(self) -> str | None:
        try:
            descriptor = os.open(self.root / LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return None if _lock(descriptor, kind=fcntl.LOCK_SH) else _holder_of(descriptor)
        finally:
            os.close(descriptor)

    def leftovers(self) -> list[str]:
        folders = [self.root, *self.root.glob("*"), *self.root.glob(f"{RAW}/*")]
        found = [path for folder in folders for path in folder.glob(TEMPORARY)]
        return sorted(str(path.relative_to(self.root)) for path in found)

    def sweep(self) -> list[str]:
        names = self.leftovers()
        for name in names:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # its folder may have been removed just before
        return names


def make_folder(path: Path) -> None:
    """Make a folder and its parents. Each is synced to disk before anything is put in it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Sync a file's bytes, or a folder's names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)  # files are immutable, so two names can share the bytes
    except OSError:  # no hard links on this file system, or none left
        shutil.copyfile(source, target)


def _lock_again(descriptor: int) -> bool:
    """Try once more: the lock may have been held by the `holder` call of another process."""
    time.sleep(PROBE_SECONDS)
    return _lock(descriptor)


def _lock(descriptor: int, *, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if it is free. `holder` takes a shared one: over NFS an exclusive lock needs a writable file."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int, run_id: str) -> None:
    holder = {
        "run_id": run_id,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "since": f"{datetime.now(UTC):%FT%TZ}",
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder_of(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"run {holder['run_id']} on {holder['host']}, process {holder['process']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just started"

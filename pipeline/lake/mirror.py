"""The folder on this machine for copies of files from a lake in S3, shared by all processes of a user."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from pipeline.errors import LakeError, UsageError
from pipeline.lake.base import RAW, SNAPSHOTS

CACHE = "REKLAKE_CACHE"
TEMPORARY = ".tmp"
"""The folder of unfinished files, `<machine>-<process>-<random>`, which are renamed when they are complete."""
UNUSED_SECONDS = 24 * 60 * 60
"""Snapshots and raw pages that were not used for this time are dropped. They can be fetched again."""
PRIVATE = 0o700
LABEL_CHARACTERS = 60
"""Length of the readable part of a mirror's name. A hash makes the name unique."""


class Mirror:
    """Copies of a lake's files by their names in the lake. Names are written once, so a copy stays valid.

    `identity` returns what identifies the lake (endpoint, bucket, prefix), `label` is its name for people. The folder
    is made when it is first needed. Errors of this machine's disk are raised as OSError.
    """

    def __init__(self, label: str, identity: Callable[[], str]) -> None:
        self._label = label
        self._identity = identity

    @cached_property
    def root(self) -> Path:
        """The mirror's folder, made if needed; UsageError if $REKLAKE_CACHE, LakeError if no place is writable."""
        digest = hashlib.sha256(self._identity().encode()).hexdigest()[:12]
        name = f"{re.sub(r'[^A-Za-z0-9.-]+', '_', self._label)[:LABEL_CHARACTERS]}-{digest}"
        if chosen := os.environ.get(CACHE):
            root = Path(chosen).expanduser() / name
            try:
                _make(root)
            except OSError as error:
                raise UsageError(
                    f"{CACHE}={chosen}: cannot be written: {error}. Name another folder for copies of fetched files."
                ) from error
            return root.absolute()
        with suppress(OSError, RuntimeError):  # no home, or not writable, as in many containers
            root = _cache_home() / "reklake" / name
            _make(root)
            return root.absolute()
        try:
            root = _temporary_cache() / name
            _make(root)
        except OSError as error:
            raise LakeError(
                f"{self._label}: no place for copies of fetched files: {error}. Set {CACHE} to a writable folder."
            ) from error
        return root

    def path(self, name: str) -> Path:
        """Return the path of a file or folder of the lake; LakeError for a name that would lead out of the mirror."""
        check_name(name)
        return self.root / name

    def temporary(self) -> Path:
        """Return a new temporary path for this process."""
        return self.root / TEMPORARY / f"{_machine()}-{os.getpid()}-{secrets.token_hex(8)}"

    def add(self, temporary: Path, name: str) -> None:
        """Give a finished file or folder its name."""
        path = self.path(name)
        if temporary.is_dir():
            self.drop(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)

    def link(self, name: str, target: Path) -> None:
        """Link a file to another path of the mirror, if it is here; otherwise it is fetched when needed."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            target.hardlink_to(self.path(name))

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the names and sizes in bytes of the files directly in a folder."""
        found = {}
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in (self.path(folder) if folder else self.root).iterdir():
                if path.is_file() and not path.name.startswith("."):
                    found[path.name] = path.stat().st_size
        return found

    def drop(self, name: str) -> None:
        """Remove a file, or a folder and everything in it, if it is here."""
        temporary = self.temporary()
        with suppress(FileNotFoundError, NotADirectoryError):
            self.path(name).rename(temporary)  # atomic: other processes never see part of a folder
        discard(temporary)

    def touch(self, name: str) -> None:
        """Mark a snapshot, or a run's raw pages, as used now. `name` is the folder or something in it."""
        parts = name.split("/")
        if parts[0] in {SNAPSHOTS, RAW} and len(parts) > 1:
            with suppress(FileNotFoundError):
                os.utime(self.root / parts[0] / parts[1])

    def evict(self, current: str | None) -> None:
        """Drop snapshots and raw pages that were not used for a day, but never the current snapshot.

        If another process still needs them, it fetches them again.
        """
        for folder in (SNAPSHOTS, RAW):
            for path in [*(self.root / folder).glob("*")]:
                with suppress(OSError):  # another process may be dropping it too; the rest goes next time
                    if path.name != current and _is_older(path, UNUSED_SECONDS):
                        self.drop(f"{folder}/{path.name}")

    def leftovers(self) -> list[Path]:
        """Return unfinished files of processes that died. On this machine the process id tells, on others the age."""
        found = []
        for path in (self.root / TEMPORARY).iterdir():
            machine, _, process = path.name.rpartition("-")[0].rpartition("-")
            if machine == _machine() and process.isdigit():
                is_dead = not _is_running(int(process))
            else:
                is_dead = _is_older(path, UNUSED_SECONDS)
            if is_dead:
                found.append(path)
        return sorted(found)


def check_name(name: str) -> None:
    """Raise LakeError if this cannot be a name in a lake. Names come from manifests and listings, not from us."""
    if any(part in {"", ".", ".."} or "\0" in part for part in name.split("/")):
        raise LakeError(
            f"{name!r} cannot be the name of a file in a lake: the manifest or listing it comes from is damaged."
        )


def discard(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _cache_home() -> Path:
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (
        given if given.is_absolute() else Path.home() / ".cache"
    )  # the XDG specification says to ignore a relative path


def _temporary_cache() -> Path:
    """Return a private folder of this user in the system's temporary folder; OSError if there can be none."""
    folder = Path(tempfile.gettempdir()) / f"reklake-{os.getuid()}"
    folder.mkdir(mode=PRIVATE, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & ~PRIVATE & 0o777:
        raise PermissionError(errno.EPERM, "is open to other users", str(folder))  # they could plant files
    return folder


def _make(root: Path) -> None:
    """Make a mirror's folder; OSError if it is not writable."""
    root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    (root / TEMPORARY).mkdir(exist_ok=True)
    with tempfile.TemporaryFile(dir=root / TEMPORARY):
        pass


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", socket.gethostname())[:64]


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it belongs to another user
    return True


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return path.stat().st_mtime < time.time() - seconds
    except FileNotFoundError:
        return False

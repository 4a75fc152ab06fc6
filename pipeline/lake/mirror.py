"""The folder on this machine for what was fetched from a lake elsewhere, shared by all processes of a user."""

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
"""The folder of what is being written: `<machine>-<process>-<random>`, renamed when it is whole."""
UNUSED_SECONDS = 24 * 60 * 60
"""A snapshot, or a run's raw pages, that nobody asked for in this time are dropped; they can be fetched again."""
PRIVATE = 0o700
LABEL_CHARACTERS = 60
"""Of a mirror's name, for people; a hash makes the name unique."""


class Mirror:
    """Files by the names they have in the lake. A name is written once, so a file that is here is valid.

    `identity` tells this lake from every other (endpoint, bucket, prefix); `label` is its name for people. The folder
    is made when it is first needed. Errors of this machine's disk come as OSError.
    """

    def __init__(self, label: str, identity: Callable[[], str]) -> None:
        self._label = label
        self._identity = identity

    @cached_property
    def root(self) -> Path:
        """The mirror's folder, made and writable; UsageError if $REKLAKE_CACHE, LakeError if no place, can be used."""
        digest = hashlib.sha256(self._identity().encode()).hexdigest()[:12]
        name = f"{re.sub(r'[^A-Za-z0-9.-]+', '_', self._label)[:LABEL_CHARACTERS]}-{digest}"
        if chosen := os.environ.get(CACHE):
            root = Path(chosen).expanduser() / name
            try:
                _make(root)
            except OSError as error:
                raise UsageError(
                    f"{CACHE}={chosen}: cannot be written: {error}. Name another folder for copies of what is fetched."
                ) from error
            return root.absolute()
        with suppress(OSError, RuntimeError):  # no home, or one that cannot be written: as in many containers
            root = _cache_home() / "reklake" / name
            _make(root)
            return root.absolute()
        try:
            root = _temporary_cache() / name
            _make(root)
        except OSError as error:
            raise LakeError(
                f"{self._label}: no place for copies of what is fetched: {error}. Set {CACHE} to a folder that can be "
                "written."
            ) from error
        return root

    def path(self, name: str) -> Path:
        """Return the path of a file or folder of the lake; LakeError for a name that leads out of the mirror."""
        check_name(name)
        return self.root / name

    def temporary(self) -> Path:
        """Return a new path to write to, of this process."""
        return self.root / TEMPORARY / f"{_machine()}-{os.getpid()}-{secrets.token_hex(8)}"

    def add(self, temporary: Path, name: str) -> None:
        """Rename a file or a folder that was written, so that it has its name."""
        path = self.path(name)
        if temporary.is_dir():
            self.drop(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)

    def link(self, name: str, target: Path) -> None:
        """Link a file to another path of the mirror, if it is here; what is not linked can be fetched."""
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
        """Remove a file, or a folder with all that is in it, if it is here."""
        temporary = self.temporary()
        with suppress(FileNotFoundError, NotADirectoryError):
            self.path(name).rename(temporary)  # at once: other processes see a folder whole or not at all
        discard(temporary)

    def touch(self, name: str) -> None:
        """Note that a snapshot, or a run's raw pages, are in use: `name` is the folder or something in it."""
        parts = name.split("/")
        if parts[0] in {SNAPSHOTS, RAW} and len(parts) > 1:
            with suppress(FileNotFoundError):
                os.utime(self.root / parts[0] / parts[1])

    def evict(self, current: str | None) -> None:
        """Drop the snapshots, but for the current one, and the raw pages that nobody has asked for in a day.

        What another process reads for longer than that is fetched again when it asks again.
        """
        for folder in (SNAPSHOTS, RAW):
            for path in [*(self.root / folder).glob("*")]:
                with suppress(OSError):  # another process may be dropping it too; what stays goes the next time
                    if path.name != current and _is_older(path, UNUSED_SECONDS):
                        self.drop(f"{folder}/{path.name}")

    def leftovers(self) -> list[Path]:
        """Return what processes that died were writing: known by their number, on other machines by age."""
        found = []
        for path in (self.root / TEMPORARY).iterdir():
            machine, _, process = path.name.rpartition("-")[0].rpartition("-")
            if machine == _machine() and process.isdigit():
                is_left = not _is_running(int(process))
            else:
                is_left = _is_older(path, UNUSED_SECONDS)
            if is_left:
                found.append(path)
        return sorted(found)


def check_name(name: str) -> None:
    """Raise LakeError if this cannot be the name of a lake's file or folder: names come from manifests and listings."""
    if any(part in {"", ".", ".."} or "\0" in part for part in name.split("/")):
        raise LakeError(
            f"{name!r} cannot be the name of a lake's file: the manifest or listing that has it is damaged."
        )


def discard(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _cache_home() -> Path:
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return given if given.is_absolute() else Path.home() / ".cache"  # a relative one is to be ignored (XDG)


def _temporary_cache() -> Path:
    """Return this user's private folder among the system's temporary files; OSError if it cannot be had."""
    folder = Path(tempfile.gettempdir()) / f"reklake-{os.getuid()}"
    folder.mkdir(mode=PRIVATE, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & ~PRIVATE & 0o777:
        raise PermissionError(errno.EPERM, "is open to other users", str(folder))  # they could put files under ours
    return folder


def _make(root: Path) -> None:
    """Make a mirror's folder and see that it can be written to; OSError if not."""
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
        return True  # it is somebody else's
    return True


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return path.stat().st_mtime < time.time() - seconds
    except FileNotFoundError:
        return False

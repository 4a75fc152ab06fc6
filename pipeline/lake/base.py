"""What every kind of storage promises: named files that appear whole, and one pointer that moves only if unmoved."""

from __future__ import annotations

import hashlib
import shutil
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

POINTER = "CURRENT"
"""The one file that changes; every other is written once and never again."""
HASH_CHUNK = 1 << 20


@dataclass(slots=True)
class NewFolder:
    """A folder in the making; set `is_wanted` to False to have it thrown away after all.

    `links` names the files that are equal to a file of the lake, by their path in the folder, with that file's name.
    """

    path: Path
    is_wanted: bool = True
    links: dict[str, str] = field(default_factory=dict)

    def link(self, file: str, stored: Path, name: str) -> None:
        """Let a file of the folder be the lake's file `name`, which is at `stored` on this machine.

        A hard link takes no room; it is a copy where the file system has no links. S3 copies on the server.
        """
        path = self.path / file
        path.unlink(missing_ok=True)
        try:
            path.hardlink_to(stored)
        except OSError:
            shutil.copyfile(stored, path)
        self.links[file] = name


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the pointer named when it was read; `tag` tells this state from every other (an ETag on S3)."""

    value: str
    tag: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A stored file's size in bytes and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class Lake(ABC):
    """A lake's storage. Names are relative, with slashes (`snapshots/<id>/manifest.json`), and never hidden.

    Files are immutable: a name is written once, so what was fetched stays true. A method raises LakeError when the
    storage cannot be reached or denies it, FileNotFoundError when the name is not there, UsageError when there are no
    credentials for it; trouble with this machine's disk comes as OSError.
    """

    is_local: bool
    """Whether `root` is the lake itself, so that `lake.duckdb` can stand in it."""

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder on this machine where files are once they are fetched: the lake itself, or its mirror."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the lake as its user names it, for messages."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything of a lake is there, or at least its folder."""

    @abstractmethod
    def entries(self, folder: str = "") -> list[str]:
        """Return the names of the files and folders directly in a folder, sorted; none if it is not there."""

    @abstractmethod
    def fetch(self, name: str) -> Path:
        """Return a path on this machine that holds the file; FileNotFoundError if there is no such file.

        A mirror keeps it for a day after it was last fetched, and while it belongs to the current snapshot.
        """

    @abstractmethod
    def facts(self, name: str) -> Facts:
        """Read the file where it is stored (never a mirror's copy); FileNotFoundError if there is no such file."""

    @abstractmethod
    def new_file(self, name: str) -> AbstractContextManager[Path]:
        """Give a temporary path to write to; when the block ends the file has its name, on any error it is gone."""

    @abstractmethod
    def new_folder(self, name: str) -> AbstractContextManager[NewFolder]:
        """Give a temporary folder; when the block ends it has its name, on any error or if unwanted it is gone."""

    @abstractmethod
    def copy(self, old: str, new: str) -> None:
        """Give a file a second name, under which it stays when the first is removed."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""

    @abstractmethod
    def pointer(self) -> Pointer | None:
        """Return what CURRENT names, None if there is none."""

    @abstractmethod
    def point(self, value: str, seen: Pointer | None) -> None:
        """Move CURRENT, durably and at once; BusyError if it is no longer as it was `seen`."""

    @abstractmethod
    def locked(self, run_id: str) -> AbstractContextManager[None]:
        """Be the lake's one writer for the block; BusyError, naming the holder, if another process is.

        Where storage has no locks (S3) writers can work side by side, and `point` alone decides between them.
        """

    @abstractmethod
    def holder(self) -> str | None:
        """Say which process is the lake's writer now, None if there is none."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Name what writers that died have left half-written; certain only while `locked`."""

    @abstractmethod
    def sweep(self) -> list[str]:
        """Remove the leftovers, and return their names."""

    def forget(self, name: str) -> None:  # noqa: B027  # only a mirror has anything to forget
        """Let go of this machine's copy of a file that is stored elsewhere, so that it is fetched again."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the bytes that a file, or all files of a folder, take; 0 if it is not there."""

    def read(self, name: str) -> bytes:
        """Return a small file's bytes; FileNotFoundError if there is no such file."""
        return self.fetch(name).read_bytes()

    def fetch_folder(self, folder: str) -> Path:
        """Return a folder on this machine that holds all files directly in the folder, but not those in its folders.

        It may not exist if there are none.
        """
        for entry in self.entries(folder):
            self.fetch(f"{folder}/{entry}")
        return self.root / folder

    def write_text(self, name: str, text: str) -> None:
        """Write a small text file whole."""
        with self.new_file(name) as path:
            path.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

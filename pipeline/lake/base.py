"""What every kind of storage promises: named files that appear whole, and one pointer that is swapped atomically."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

POINTER = "CURRENT"
"""The file that names the published snapshot. It changes; every other file that a snapshot needs is written once."""
SNAPSHOTS, RAW, RUNS, EVIDENCE = "snapshots", "raw", "runs", "evidence"
FOLDERS = frozenset({SNAPSHOTS, RAW, RUNS, EVIDENCE})
"""The lake's own folders. Users may keep other folders beside them."""
DATABASE = "lake.duckdb"
"""The DuckDB file with views over the published snapshot; in local lakes only."""
MANIFEST = "manifest.json"
"""The file of a snapshot's folder that says what else is in it."""
HASH_CHUNK = 1 << 20


@dataclass(slots=True)
class NewFolder:
    """A folder that is being written under `path`; set `is_wanted` to False to have it thrown away after all."""

    path: Path
    is_wanted: bool = True
    links: dict[str, str] = field(default_factory=dict)

    def link(self, source: str, name: str) -> None:
        """Have a file of the lake (`source`) appear in this folder as `name` (which may have slashes), by `Lake.link`.

        The link is made when the folder gets its name; until then it is not under `path`.
        """
        self.links[name] = source


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

    Files are immutable: a name is written once, so a fetched copy stays valid. A method raises LakeError when the
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
        """Give a temporary path to write to; when the block ends the file gets its name, on any error it is removed."""

    @abstractmethod
    def new_folder(self, name: str) -> AbstractContextManager[NewFolder]:
        """Give a temporary folder; when the block ends it gets its name, on any error or if unwanted it is removed."""

    @abstractmethod
    def write_if_absent(self, name: str, content: bytes) -> bool:
        """Write a small file whole, unless the name is there; False if it was, or if another writer is writing it."""

    @abstractmethod
    def link(self, source: str, target: str) -> None:
        """Make a file appear under a second name without writing its bytes again; it stays when the first is removed.

        A folder makes a hard link (a copy where the file system has none), S3 copies the object itself.
        FileNotFoundError if there is no such file.
        """

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
        """Drop this machine's copy of a file that is stored elsewhere, so that it is fetched again."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the bytes that a file, or all files of a folder, take; 0 if it is not there."""

    def read(self, name: str) -> bytes:
        """Return a small file's bytes; FileNotFoundError if there is no such file."""
        return self.fetch(name).read_bytes()

    def fetch_folder(self, folder: str, wanted: Callable[[str], bool] = lambda _: True) -> Path:
        """Return a folder on this machine that holds the files directly in the folder whose names are `wanted`.

        It may not exist if there are none, and may hold others.
        """
        for entry in filter(wanted, self.entries(folder)):
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

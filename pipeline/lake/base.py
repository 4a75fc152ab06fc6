"""What every storage promises: named files that appear whole, and a pointer that is swapped atomically."""

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
    """A folder that is being written under `path`. Set `is_wanted` to False to discard it."""

    path: Path
    is_wanted: bool = True
    links: dict[str, str] = field(default_factory=dict)

    def link(self, source: str, name: str) -> None:
        """Link a file of the lake (`source`) into this folder as `name`, which may have slashes; see `Lake.link`.

        The link is made when the folder gets its name. Until then it is not under `path`.
        """
        self.links[name] = source


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the pointer named when it was read. `tag` identifies that state of it (an ETag on S3)."""

    value: str
    tag: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A stored file's size in bytes and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class Lake(ABC):
    """A lake's storage. Names are relative, with slashes (`snapshots/<id>/manifest.json`), and never hidden.

    Files are immutable: a name is written once, so a fetched copy stays valid. Methods raise LakeError when the storage
    cannot be reached or denies access, FileNotFoundError when the name does not exist, UsageError when there are no
    credentials, and OSError when this machine's disk fails.
    """

    is_local: bool
    """Whether `root` is the lake itself, so that it can hold `lake.duckdb`."""

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder on this machine with the fetched files: the lake itself, or its mirror."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the lake's name as users write it, for messages."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether the lake's folder, or any file of it, exists."""

    @abstractmethod
    def entries(self, folder: str = "") -> list[str]:
        """Return the names of the files and folders directly in a folder, sorted; none if it does not exist."""

    @abstractmethod
    def fetch(self, name: str) -> Path:
        """Return a path on this machine to the file; FileNotFoundError if there is no such file.

        A mirror keeps the file for a day after the last fetch, or longer while it belongs to the current snapshot.
        """

    @abstractmethod
    def facts(self, name: str) -> Facts:
        """Measure the file in its storage, never a mirror's copy; FileNotFoundError if there is no such file."""

    @abstractmethod
    def new_file(self, name: str) -> AbstractContextManager[Path]:
        """Yield a temporary path. When the block ends, the file gets its name; on an error it is removed."""

    @abstractmethod
    def new_folder(self, name: str) -> AbstractContextManager[NewFolder]:
        """Yield a temporary folder. When the block ends, it gets its name; unwanted or on an error, it is removed."""

    @abstractmethod
    def write_if_absent(self, name: str, content: bytes) -> bool:
        """Write a small file, unless its name exists; False if it does, or if another writer is writing it."""

    @abstractmethod
    def link(self, source: str, target: str) -> None:
        """Give a file a second name without writing its bytes again. It stays when the first name is removed.

        A local lake makes a hard link (a copy where the file system has none), and S3 copies the object on its side.
        FileNotFoundError if there is no such file.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, or a folder and everything in it, if it exists."""

    @abstractmethod
    def pointer(self) -> Pointer | None:
        """Return what CURRENT names; None if there is no CURRENT."""

    @abstractmethod
    def point(self, value: str, seen: Pointer | None) -> None:
        """Move CURRENT atomically and durably; BusyError if it has changed since it was `seen`."""

    @abstractmethod
    def locked(self, run_id: str) -> AbstractContextManager[None]:
        """Hold the lake's write lock for the block; BusyError, naming the holder, if another process has it.

        S3 has no locks: writers work side by side, and `point` decides between them.
        """

    @abstractmethod
    def holder(self) -> str | None:
        """Describe the process that holds the write lock; None if no process does."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Return what writers that died left half-written. Reliable only while `locked`."""

    @abstractmethod
    def sweep(self) -> list[str]:
        """Remove the leftovers, and return their names."""

    def forget(self, name: str) -> None:  # noqa: B027  # only a mirror has anything to forget
        """Drop this machine's copy of a file that is stored elsewhere. It is then fetched again."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the size in bytes of a file, or of all files in a folder; 0 if it does not exist."""

    def read(self, name: str) -> bytes:
        """Return a small file's bytes; FileNotFoundError if there is no such file."""
        return self.fetch(name).read_bytes()

    def fetch_folder(self, folder: str, wanted: Callable[[str], bool] = lambda _: True) -> Path:
        """Fetch the files directly in a folder whose names are `wanted`, and return the folder on this machine.

        It may hold other files too, and does not exist if there are none.
        """
        for entry in filter(wanted, self.entries(folder)):
            self.fetch(f"{folder}/{entry}")
        return self.root / folder

    def write_text(self, name: str, text: str) -> None:
        """Write a small text file."""
        with self.new_file(name) as path:
            path.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

"""Files and folders that appear whole or not at all: written beside, synced to disk, then renamed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HASH_CHUNK = 1 << 20


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes the name `path`, on any error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        sync(beside)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


@dataclass(slots=True)
class NewFolder:
    """A folder in the making; set `is_wanted` to False to have it thrown away after all."""

    path: Path
    is_wanted: bool = True


@contextmanager
def whole_folder(path: Path) -> Iterator[NewFolder]:
    """Give a temporary folder beside `path`; on success it takes that name, on any error it is removed.

    The files in it must have been synced by whoever wrote them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.mkdir()
    try:
        new = NewFolder(beside)
        yield new
        if new.is_wanted:
            sync(beside)
            beside.rename(path)
            sync(path.parent)
    finally:
        if beside.exists():
            shutil.rmtree(beside)


def write_text(path: Path, text: str) -> None:
    """Write a small text file whole."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Ask the system to put a file's bytes, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

"""From the text that names a lake to its storage."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.storage.base import Lake
from pipeline.storage.local import LocalLake


def open_lake(text: str) -> Lake:
    """Return the storage of the lake that a user named: a folder, or s3://bucket/prefix.

    Nothing is read or written yet. UsageError if the text names neither.
    """
    if "://" in text:
        raise UsageError(f"{text}: a lake is a folder, or s3://bucket/prefix.")
    try:
        return LocalLake(Path(text).expanduser())
    except RuntimeError as error:
        raise UsageError(f"{text}: {error}. Name the lake's folder in full.") from error

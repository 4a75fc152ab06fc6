"""The storage of a lake, in a local folder or under an S3 prefix. Files appear whole or not at all."""

from pipeline.lake.base import (
    DATABASE,
    FOLDERS,
    MANIFEST,
    POINTER,
    RAW,
    RUNS,
    SNAPSHOTS,
    Facts,
    Lake,
    NewFolder,
    Pointer,
    sha256,
)
from pipeline.lake.local import LocalLake
from pipeline.lake.opening import open_lake

__all__ = [
    "DATABASE",
    "FOLDERS",
    "MANIFEST",
    "POINTER",
    "RAW",
    "RUNS",
    "SNAPSHOTS",
    "Facts",
    "Lake",
    "LocalLake",
    "NewFolder",
    "Pointer",
    "open_lake",
    "sha256",
]

"""Where a lake's files are kept: they appear whole or not at all, in a local folder or under an S3 prefix."""

from pipeline.storage.base import POINTER, Facts, Lake, NewFolder, Pointer, sha256
from pipeline.storage.local import LocalLake
from pipeline.storage.opening import open_lake

__all__ = ["POINTER", "Facts", "Lake", "LocalLake", "NewFolder", "Pointer", "open_lake", "sha256"]

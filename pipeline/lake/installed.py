"""Installed versions, found without `importlib.metadata`, whose import takes longer than the search."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

SOFTWARE = ("reklake", "boto3", "botocore", "pyarrow", "duckdb", "msgspec")
"""The distributions that make a run's files."""
_VERSION = "Version:"


def software() -> dict[str, str]:
    """Return the versions of Python and of SOFTWARE."""
    return {"python": platform.python_version()} | {name: version(name) for name in SOFTWARE}


def version(name: str) -> str:
    """Return the version of an installed distribution; importlib.metadata.PackageNotFoundError if there is none.

    `name` is in lower case and without hyphens.
    """
    for place in sys.path:
        folder = Path(place or os.curdir)
        with suppress(OSError):  # a zip file, or a folder that does not exist
            for entry in os.listdir(folder):  # noqa: PTH208  # names are enough, and there are hundreds
                if entry.endswith(".dist-info") and entry.partition("-")[0].lower() == name:
                    return _declared(folder / entry / "METADATA")
    # zip files and older forms of metadata are rare, so the slow import is fine
    from importlib import metadata  # noqa: PLC0415

    return metadata.version(name)


def _declared(file: Path) -> str:
    with file.open(encoding="utf-8") as lines:
        return next(line.removeprefix(_VERSION).strip() for line in lines if line.startswith(_VERSION))

"""From the text that names a lake to its storage."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.lake.base import Lake
from pipeline.lake.local import LocalLake

_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Amazon S3 user guide, Rules for naming general purpose buckets; an access point's alias keeps them too."""
_LONGEST_PREFIX = 800
"""Bytes; S3 takes keys of 1,024, and the lake's own names need the rest."""


def open_lake(text: str, profile: str | None = None) -> Lake:
    """Return the storage of the lake that a user named: a folder, or s3://bucket/prefix.

    `profile` is the AWS profile for S3. Nothing is read or written yet. UsageError if the text names neither.
    """
    if text.lower().startswith("s3:"):
        bucket, prefix = parts_of(text)
        # boto3 takes a third of a second to import, and only these lakes need it
        from pipeline.lake.s3 import S3Lake

        return S3Lake(bucket, prefix, profile=profile)
    if "://" in text:
        raise UsageError(f"{text}: a lake is a folder, or s3://bucket/prefix.")
    try:
        return LocalLake(Path(text).expanduser())
    except RuntimeError as error:
        raise UsageError(f"{text}: {error}. Name the lake's folder in full.") from error


def parts_of(text: str) -> tuple[str, str]:
    """Return bucket and prefix, the latter without slashes at its ends or doubled; UsageError if they cannot be."""
    scheme, slashes, rest = text.partition("://")
    if not slashes or scheme.lower() != "s3":
        raise UsageError(f"{text}: a lake in S3 is written s3://bucket/prefix.")
    bucket, _, path = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"{text}: {bucket!r} cannot be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens, a "
            "letter or digit at both ends. An access point is named by its alias."
        )
    parts = [part for part in path.split("/") if part]
    prefix = "/".join(parts)
    if any(part in {".", ".."} or not part.isprintable() for part in parts):
        raise UsageError(f"{text}: a prefix takes no `.`, no `..` and no control characters between its slashes.")
    if len(prefix.encode("utf-8", "surrogateescape")) > _LONGEST_PREFIX:
        raise UsageError(f"{text}: the prefix is too long: {_LONGEST_PREFIX} bytes at the most.")
    return bucket, prefix

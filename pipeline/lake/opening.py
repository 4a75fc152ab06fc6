"""Opens the storage of a lake by its name."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.lake.base import Lake
from pipeline.lake.local import LocalLake

_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Amazon S3 user guide, rules for naming general purpose buckets. Aliases of access points follow them too."""
_LONGEST_PREFIX = 800
"""In bytes. S3 allows keys of 1,024 bytes, and the lake's own names need the rest."""


def open_lake(text: str, profile: str | None = None) -> Lake:
    """Return the storage of a lake, given as a folder or s3://bucket/prefix. Nothing is read or written yet.

    `profile` is the AWS profile for S3. UsageError if the text is neither.
    """
    if text.lower().startswith("s3:"):
        bucket, prefix = parts_of(text)
        # importing boto3 takes a third of a second, and only lakes in S3 need it
        from pipeline.lake.s3 import S3Lake

        return S3Lake(bucket, prefix, profile=profile)
    if "://" in text:
        raise UsageError(f"{text}: a lake is a folder, or s3://bucket/prefix.")
    try:
        return LocalLake(Path(text).expanduser())
    except RuntimeError as error:
        raise UsageError(f"{text}: {error}. Name the lake's folder in full.") from error


def parts_of(text: str) -> tuple[str, str]:
    """Return bucket and prefix, the prefix without needless slashes; UsageError if either is not valid."""
    scheme, slashes, rest = text.partition("://")
    if not slashes or scheme.lower() != "s3":
        raise UsageError(f"{text}: a lake in S3 is written s3://bucket/prefix.")
    bucket, _, path = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"{text}: {bucket!r} cannot be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens, with "
            "a letter or digit at both ends. For an access point, give its alias."
        )
    parts = [part for part in path.split("/") if part]
    prefix = "/".join(parts)
    if any(part in {".", ".."} or not part.isprintable() for part in parts):
        raise UsageError(f"{text}: a prefix cannot contain `.`, `..` or control characters between its slashes.")
    if len(prefix.encode("utf-8", "surrogateescape")) > _LONGEST_PREFIX:
        raise UsageError(f"{text}: the prefix is too long: it can have up to {_LONGEST_PREFIX} bytes.")
    return bucket, prefix

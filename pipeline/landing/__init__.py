"""Raw pages in and out: one zstd Parquet file a scope, bodies byte for byte."""

from pipeline.landing.files import (
    FOLDER,
    NEVER,
    LandedScope,
    folder,
    is_sound,
    landed,
    scope_file,
    scopes_of,
    take_over,
)
from pipeline.landing.reader import HEAD_COLUMNS, Bodies, Pages, digests, heads, pages
from pipeline.landing.writer import Hand, Writer, land, one_hand

__all__ = [
    "FOLDER",
    "HEAD_COLUMNS",
    "NEVER",
    "Bodies",
    "Hand",
    "LandedScope",
    "Pages",
    "Writer",
    "digests",
    "folder",
    "heads",
    "is_sound",
    "land",
    "landed",
    "one_hand",
    "pages",
    "scope_file",
    "scopes_of",
    "take_over",
]

"""Raw pages in and out: one zstd Parquet file a scope, bodies byte for byte."""

from pipeline.landing.compare import holds_the_same
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
from pipeline.landing.reader import HEAD_COLUMNS, Pages
from pipeline.landing.writer import Writer, land

__all__ = [
    "FOLDER",
    "HEAD_COLUMNS",
    "NEVER",
    "LandedScope",
    "Pages",
    "Writer",
    "folder",
    "holds_the_same",
    "is_sound",
    "land",
    "landed",
    "scope_file",
    "scopes_of",
    "take_over",
]

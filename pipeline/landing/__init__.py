"""Raw pages in and out: one zstd Parquet file a scope, bodies byte for byte."""

from pipeline.landing.compare import holds_the_same
from pipeline.landing.files import (
    LandedScope,
    folder,
    is_sound,
    landed,
    scope_file,
    scopes_of,
    take_over,
)
from pipeline.landing.reader import Pages
from pipeline.landing.writer import Writer, land

__all__ = [
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

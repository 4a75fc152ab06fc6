"""Raw pages, written and read: one zstd Parquet file a scope, bodies byte for byte."""

from pipeline.landing.compare import are_equal
from pipeline.landing.files import (
    LandedScope,
    folder,
    is_readable,
    landed_scopes,
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
    "are_equal",
    "folder",
    "is_readable",
    "land",
    "landed_scopes",
    "scope_file",
    "scopes_of",
    "take_over",
]

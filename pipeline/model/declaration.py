"""Which declaration of the tables something was written by."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from pipeline.model.tables import TABLES


@cache
def declaration() -> str:
    """Return a digest of all that is declared of the tables: names, types, paths, words."""
    return sha256(repr(TABLES).encode()).hexdigest()

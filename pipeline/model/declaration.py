"""How the tables are declared: a digest that changes with any declaration, and the columns."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from pipeline.model.tables import TABLES


@cache
def declaration() -> str:
    """Return a digest of all that is declared of the tables: names, types, paths, words."""
    return sha256(repr(TABLES).encode()).hexdigest()


def columns() -> dict[str, list[str]]:
    """Return the declared columns of each table."""
    return {table.name: list(table.names) for table in TABLES}

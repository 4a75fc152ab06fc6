"""Temporal tables, as in SQL:2011: current rows with the start of their state, and a history of ended states."""

from __future__ import annotations

from dataclasses import replace

from pipeline.model.columns import INSTANT
from pipeline.model.schema import Column, Origin, Table

VALID_FROM = Column(
    "valid_from",
    INSTANT,
    "When a sync first saw the row in this state (inclusive): the end of that listing of its account and region.",
    Origin.HISTORY,
    unit="UTC, microseconds",
)
VALID_TO = Column(
    "valid_to",
    INSTANT,
    "When a sync first saw it otherwise, or gone (exclusive); null if it is still so.",
    Origin.HISTORY,
    unit="UTC, microseconds",
)
VALIDITY = (VALID_FROM, VALID_TO)
"""The columns that a history adds to those of its table."""


def with_validity(table: Table) -> Table:
    """Return the declaration of the table's current file: its columns, then valid_from."""
    return replace(table, columns=(*table.columns, VALID_FROM))


def history_of(table: Table) -> Table:
    """Return the declaration of the table's history: its columns, then valid_from and valid_to.

    Its key is the table's key with valid_from, and its rows are sorted by that.
    """
    return replace(
        table,
        description=f"Every state of {table.name} that syncs have seen.",
        grain=f"{table.grain} and state it was seen in",
        key=(*table.key, VALID_FROM.name),
        columns=(*table.columns, *VALIDITY),
    )

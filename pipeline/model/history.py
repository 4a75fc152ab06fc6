"""The history of a declared table: every state that each of its rows has had (slowly changing dimension, type 2)."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipeline.model.schema import Column, Origin, Table

INSTANT = pa.timestamp("us", tz="UTC")

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
APPEARED, RETURNED, CHANGED, WENT = "appeared", "returned", "changed", "went"
BEGINS_AS = Column(
    "begins_as",
    pa.string(),
    "How the state began: appeared (the row's first), changed (it goes on from the state before) or returned (the row "
    "had been gone).",
    Origin.HISTORY,
)
ENDS_AS = Column(
    "ends_as",
    pa.string(),
    "How the state ended: changed (the next one goes on from it) or went (the row was gone); null if it is still so.",
    Origin.HISTORY,
)
DIFFERENCES = Column(
    "differences",
    pa.string(),
    "Where it began as changed, what is not as before: JSON, a list of column_name, value_before and value_after, the "
    "values as text, instants in UTC; else null.",
    Origin.HISTORY,
    is_distinct=True,
)
ADDED = (VALID_FROM, VALID_TO, BEGINS_AS, ENDS_AS, DIFFERENCES)
"""What a history adds to its table's columns. The last three follow from the states beside a state; they are told
because finding those takes a join of all of a history with itself, in all its columns."""


def is_told(column: Column, table: Table) -> bool:
    """Whether a change of the column is a difference; what is only counted has a table of its own, which tells it."""
    return column.name not in table.key and column.origin not in {Origin.COUNT, Origin.HISTORY}


def history_of(table: Table) -> Table:
    """Return the declaration of the table's history: all its columns, then those of ADDED.

    Its key is the table's key with valid_from, and its rows are sorted by that.
    """
    return replace(
        table,
        description=f"Every state of {table.name} that syncs have seen.",
        grain=f"{table.grain} and state it was seen in",
        key=(*table.key, VALID_FROM.name),
        columns=(*table.columns, *ADDED),
    )

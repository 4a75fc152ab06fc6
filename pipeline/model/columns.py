"""Parts of declarations: types, columns that every table has, and functions that declare the others."""

from __future__ import annotations

import pyarrow as pa

from pipeline.model.schema import Column, Origin

TEXT = pa.string()
BOOL = pa.bool_()
DOUBLE = pa.float64()
INTEGER = pa.int64()
INSTANT = pa.timestamp("us", tz="UTC")

ACCOUNT_ID = Column("account_id", TEXT, "AWS account that owns the row.", Origin.SCOPE, "account_id")
REGION = Column("region", TEXT, "AWS region the row was listed in.", Origin.SCOPE, "region")
PROJECT_STATUSES = ("CREATING", "CREATED", "DELETING")
VERSION_STATUSES = (
    "TRAINING_IN_PROGRESS",
    "TRAINING_COMPLETED",
    "TRAINING_FAILED",
    "STARTING",
    "RUNNING",
    "FAILED",
    "STOPPING",
    "STOPPED",
    "DELETING",
    "COPYING_IN_PROGRESS",
    "COPYING_COMPLETED",
    "COPYING_FAILED",
    "DEPRECATED",
    "EXPIRED",
)
DATASET_STATUSES = (
    "CREATE_IN_PROGRESS",
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "DELETE_IN_PROGRESS",
)
STATUS_CODES = ("SUCCESS", "SERVICE_ERROR", "CLIENT_ERROR")

EXTRA = Column(
    "extra",
    TEXT,
    "JSON of the members no column declares, nested as the API nests them; null when there are none.",
    Origin.UNKNOWN,
)


def member(
    name: str,
    kind: pa.DataType,
    path: str,
    description: str,
    unit: str = "",
    *,
    is_distinct: bool = False,
    is_required: bool = False,
    one_of: tuple[str, ...] = (),
    bounds: tuple[float, float] | None = None,
) -> Column:
    """Declare a column that holds a member of the row's item."""
    return Column(name, kind, description, Origin.MEMBER, path, unit, is_distinct, is_required, one_of, bounds)


def instant(name: str, path: str, description: str) -> Column:
    """Declare a column that holds a member in epoch seconds."""
    return member(name, INSTANT, path, description, "UTC, microseconds", is_distinct=True)


def count(name: str, path: str, description: str) -> Column:
    """Declare a column that holds the length of a list whose items are rows of another table."""
    return Column(name, INTEGER, description, Origin.COUNT, path)


FEATURE = member(
    "feature",
    TEXT,
    "Feature",
    "CUSTOM_LABELS or CONTENT_MODERATION; null means CUSTOM_LABELS.",
    one_of=("CUSTOM_LABELS", "CONTENT_MODERATION"),
)

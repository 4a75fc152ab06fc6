"""What the data is: declared tables, and the ARNs that hold names found nowhere else."""

from pipeline.model.declaration import declaration
from pipeline.model.history import (
    ADDED,
    APPEARED,
    BEGINS_AS,
    CHANGED,
    DIFFERENCES,
    ENDS_AS,
    RETURNED,
    VALID_FROM,
    VALID_TO,
    WENT,
    history_of,
    is_told,
)
from pipeline.model.schema import Column, Items, Origin, Parent, Result, Table
from pipeline.model.tables import IGNORED, TABLES, parent_key, table, tables_of_detail

__all__ = [
    "ADDED",
    "APPEARED",
    "BEGINS_AS",
    "CHANGED",
    "DIFFERENCES",
    "ENDS_AS",
    "IGNORED",
    "RETURNED",
    "TABLES",
    "VALID_FROM",
    "VALID_TO",
    "WENT",
    "Column",
    "Items",
    "Origin",
    "Parent",
    "Result",
    "Table",
    "declaration",
    "history_of",
    "is_told",
    "parent_key",
    "table",
    "tables_of_detail",
]

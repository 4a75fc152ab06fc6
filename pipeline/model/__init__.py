"""What the data is: declared tables, and the ARNs that hold names found nowhere else."""

from pipeline.model.history import VALID_FROM, VALID_TO, history_of
from pipeline.model.schema import Column, Items, Origin, Table
from pipeline.model.tables import IGNORED, TABLES, parent_key, table

__all__ = [
    "IGNORED",
    "TABLES",
    "VALID_FROM",
    "VALID_TO",
    "Column",
    "Items",
    "Origin",
    "Table",
    "history_of",
    "parent_key",
    "table",
]

"""What the data is: declared tables, and the ARNs that hold names found nowhere else."""

from pipeline.model.declaration import declaration
from pipeline.model.history import VALID_FROM, VALID_TO, history_of
from pipeline.model.schema import Column, Items, Origin, Result, Table
from pipeline.model.tables import IGNORED, TABLES, parent_key, table, tables_of_part

__all__ = [
    "IGNORED",
    "TABLES",
    "VALID_FROM",
    "VALID_TO",
    "Column",
    "Items",
    "Origin",
    "Result",
    "Table",
    "declaration",
    "history_of",
    "parent_key",
    "table",
    "tables_of_part",
]

"""The data model: declared operations, tables and columns, and what ARNs contain."""

from pipeline.model.history import VALID_FROM, VALID_TO, VALIDITY, history_of, with_validity
from pipeline.model.operations import Result
from pipeline.model.schema import REQUESTED, Column, Items, Origin, Parent, Table
from pipeline.model.tables import (
    IGNORED,
    TABLES,
    declaration_digest,
    table,
    tables_of_detail,
)

__all__ = [
    "IGNORED",
    "REQUESTED",
    "TABLES",
    "VALIDITY",
    "VALID_FROM",
    "VALID_TO",
    "Column",
    "Items",
    "Origin",
    "Parent",
    "Result",
    "Table",
    "declaration_digest",
    "history_of",
    "table",
    "tables_of_detail",
    "with_validity",
]

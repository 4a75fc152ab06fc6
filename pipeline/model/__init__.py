"""What the data is: declared tables, and the ARNs that hold names found nowhere else."""

from pipeline.model.schema import Column, Items, Origin, Table
from pipeline.model.tables import IGNORED, TABLES, parent_key, table

__all__ = ["IGNORED", "TABLES", "Column", "Items", "Origin", "Table", "parent_key", "table"]

"""The classes with which tables are declared. A column is described once, and everything else is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from pipeline.model.arn import FACTS
from pipeline.model.operations import OPERATIONS, Result


class Origin(StrEnum):
    """Where a column's value comes from."""

    SCOPE = "scope"
    """The account and region that were listed; `path` is account_id or region."""
    REQUEST = "request"
    """A parameter of the request that the answer does not repeat; `path` is one of REQUESTED."""
    MEMBER = "member"
    """A member of the row's own item in the response; `path` is dotted, in the API's words."""
    PARENT = "parent"
    """A member of the description that the row's item is nested in."""
    ARN = "arn"
    """What an ARN contains; `path` is `<member or one of REQUESTED>#<one of pipeline.model.arn.FACTS>`."""
    LIST = "list"
    """Which of the declared lists the item is in; `path` is the label's name."""
    INDEX = "index"
    """The item's 0-based place in its list, as listed."""
    COUNT = "count"
    """The length of a list in the row's own item, whose items are rows of another table; `path` is dotted."""
    UNKNOWN = "unknown"
    """Members that no column declares, as JSON text; null when there are none."""
    HISTORY = "history"
    """When syncs saw the row in this state."""


REQUESTED = ("project_arn", "resource_arn")
"""Attributes of RawPage with what the page was requested for: the paths of REQUEST columns, and sources of ARNs."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type, where its value comes from, and a sentence on what it means."""

    name: str
    type: pa.DataType
    description: str
    origin: Origin
    path: str = ""
    unit: str = ""
    is_distinct: bool = False
    """Whether values hardly repeat, so that a Parquet dictionary would only cost time and space."""
    is_required: bool = False
    """Whether every row has a value. Account, region and key columns are always required."""
    one_of: tuple[str, ...] = ()
    """The values that the API is known to return; empty if it can be any text."""
    bounds: tuple[float, float] | None = None
    """The minimum and maximum that make sense, both included."""

    @property
    def source(self) -> str:  # noqa: PLR0911  # one return an origin
        """The origin in words, for Parquet metadata and the data dictionary."""
        match self.origin:
            case Origin.MEMBER:
                return self.path
            case Origin.PARENT:
                return f"^.{self.path}"
            case Origin.ARN:
                member, _, name = self.path.partition("#")
                return f"{member} ({name})"
            case Origin.INDEX:
                return "position in the list"
            case Origin.COUNT:
                return f"length of {self.path}"
            case Origin.UNKNOWN:
                return "every undeclared member"
            case Origin.HISTORY:
                return "when a sync listed the scope"
            case _:
                return f"{self.origin}: {self.path}"


@dataclass(frozen=True, slots=True)
class Items:
    """A list in a description whose items are rows. If the path is empty, the description itself is the row."""

    path: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parent:
    """What each row of a table belongs to: its `column` holds the key of a row in one of the `tables`."""

    column: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table: its grain, its key, and where its rows come from."""

    name: str
    noun: str
    """A word for what a row is about, such as version. Names of checks contain it."""
    description: str
    grain: str
    operation: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    items: tuple[Items, ...] = (Items(),)
    parent: Parent | None = None

    def __post_init__(self) -> None:
        """Refuse a declaration that flatten could not follow; ValueError names the table or column."""
        is_detail = bool(OPERATIONS[self.operation].detail)
        if is_detail and self.is_nested:
            raise ValueError(f"{self.name}: lists inside a detail's answer cannot be rows")
        if lacking := {*self.key} - {*self.names}:
            raise ValueError(f"{self.name}: its key has {', '.join(sorted(lacking))}, which is no column")
        if len(self.of(Origin.UNKNOWN)) != 1:
            raise ValueError(f"{self.name}: needs one column for members that no other column holds")
        labels = {name for listed in self.items for name in listed.labels}
        for column in self.columns:
            if pa.types.is_unsigned_integer(column.type):
                raise ValueError(f"{self.name}.{column.name}: not every engine reads unsigned integers")
            _, _, fact = column.path.partition("#")
            known = {
                Origin.SCOPE: column.path in {"account_id", "region"},
                Origin.REQUEST: column.path in REQUESTED,
                Origin.ARN: fact in FACTS,
                Origin.LIST: column.path in labels,
                Origin.PARENT: self.is_nested,
                Origin.INDEX: self.is_nested,
                Origin.COUNT: not is_detail,
            }
            if not known.get(column.origin, True):
                raise ValueError(f"{self.name}.{column.name}: no row has {column.origin} {column.path!r}")

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")

    @property
    def result_key(self) -> str:
        """The member of the operation's answer that holds the result."""
        return OPERATIONS[self.operation].result_key

    @property
    def result(self) -> Result:
        """The kind of the operation's result."""
        return OPERATIONS[self.operation].result

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in declared order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that have a value in every row, in declared order."""
        always = {"account_id", "region", *self.key}
        return tuple(column.name for column in self.columns if column.name in always or column.is_required)

    @property
    def is_nested(self) -> bool:
        """Whether the rows are items of lists in the descriptions."""
        return bool(self.items[0].path)

    @property
    def parent_key(self) -> str:
        """The column with the ARN of the description that a row belongs to: the table's own key, or its parent's."""
        parents = self.of(Origin.PARENT)
        return parents[0].name if parents else self.key[0]

    def of(self, origin: Origin) -> tuple[Column, ...]:
        """Return the columns of one origin, in declared order."""
        return tuple(column for column in self.columns if column.origin is origin)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with description, source and unit as field metadata (kept in Parquet)."""
        return pa.schema(
            [self._arrow_field(column) for column in self.columns],
            metadata={"table": self.name, "description": self.description, "key": ",".join(self.key)},
        )

    def _arrow_field(self, column: Column) -> pa.Field:
        metadata = {"description": column.description, "source": column.source}
        if column.unit:
            metadata["unit"] = column.unit
        nullable = column.name not in {"account_id", "region", *self.key}
        return pa.field(column.name, column.type, nullable=nullable, metadata=metadata)

"""Every declared table, and a digest of the declarations.

`pipeline.model.listings` and `pipeline.model.details` declare what each column holds and where its value is in the
API's answers.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from types import MappingProxyType

from pipeline.model.details import DATASET_STATISTICS, PROJECT_POLICIES, RESOURCE_TAGS
from pipeline.model.listings import DATASETS, PROJECT_VERSIONS, PROJECTS, VERSION_ASSETS
from pipeline.model.operations import DETAILS, OPERATIONS
from pipeline.model.schema import Table

TABLES = (
    PROJECTS,
    DATASETS,
    PROJECT_VERSIONS,
    VERSION_ASSETS,
    DATASET_STATISTICS,
    RESOURCE_TAGS,
    PROJECT_POLICIES,
)
"""Every table of a snapshot, in the order people read them."""

IGNORED = MappingProxyType(
    {(operation.name, "NextToken"): "paging, not data" for operation in OPERATIONS.values() if operation.page_size}
)
"""Members of the output shapes that no column holds, each with the reason."""


def table(name: str) -> Table:
    """Return the declared table of that name; KeyError if there is none."""
    for candidate in TABLES:
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def tables_of_detail(detail: str) -> tuple[Table, ...]:
    """Return the tables of a detail. The first column of their keys is the resource's ARN."""
    return tuple(candidate for candidate in TABLES if candidate.operation == DETAILS[detail])


@cache
def declaration_digest() -> str:
    """Return a SHA-256 that changes with anything that is declared of the tables: names, types, paths, words."""
    return sha256(repr(TABLES).encode()).hexdigest()

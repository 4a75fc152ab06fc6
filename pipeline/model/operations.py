"""The operations that are called, each declared once: its request, its answer and the permission that it needs.

The request, the examination of an answer, the probe of `doctor` and the IAM policy follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

DESCRIBE_PROJECTS = "DescribeProjects"
DESCRIBE_PROJECT_VERSIONS = "DescribeProjectVersions"
DESCRIBE_DATASET = "DescribeDataset"
LIST_TAGS_FOR_RESOURCE = "ListTagsForResource"
LIST_PROJECT_POLICIES = "ListProjectPolicies"


class Result(StrEnum):
    """What an operation's result is, and so how its rows stand in it."""

    LIST = "list"
    """A list of descriptions."""
    OBJECT = "object"
    """One description."""
    ENTRIES = "entries"
    """An object of names that users choose: each entry is a row, as if it were an item with `key` and `value`."""


class Resource(StrEnum):
    """Which resources an operation is called for, one call (or more) each."""

    SCOPE = "scope"
    """The account and region themselves: no parameter names them."""
    PROJECT = "project"
    DATASET = "dataset"
    ANY = "any"
    """Projects, datasets and versions."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the Rekognition API."""

    name: str
    result_key: str
    """The member of the answer that holds the result."""
    resource: Resource
    sid: str
    """Names its statement in the IAM policy."""
    iam_resource: str
    """The resource of that statement; {partition} stands for the partition."""
    result: Result = Result.LIST
    parameter: str = ""
    """The parameter that names the resource."""
    page_size: int | None = None
    """The most items that a page may hold (API reference, MaxResults); None: all is on one page."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that are the same in every call."""
    detail: str = ""
    """Its name after `--with`; empty for the two listings, which every sync calls."""
    is_default: bool = False
    """Whether the detail is asked for where nothing else is said."""

    def parameters(self, arn: str = "", token: str = "", *, page_size: int | None = None) -> dict[str, Any]:
        """Return the parameters of a call: of which resource, from which token on, with how many items a page."""
        parameters = dict(self.extra)
        if self.parameter:
            parameters[self.parameter] = arn
        if self.page_size:
            parameters["MaxResults"] = page_size or self.page_size
        if token:
            parameters["NextToken"] = token
        return parameters

    @property
    def action(self) -> str:
        """The IAM action that permits it."""
        return f"rekognition:{self.name}"


_PROJECT_ARNS = "arn:{partition}:rekognition:*:*:project/*"
"""IAM's * matches slashes: versions and datasets are included."""

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            DESCRIBE_PROJECTS,
            "ProjectDescriptions",
            Resource.SCOPE,
            sid="ListProjects",
            iam_resource="*",
            page_size=100,
            # without Features, DescribeProjects leaves adapters out
            extra=MappingProxyType({"Features": ("CUSTOM_LABELS", "CONTENT_MODERATION")}),
        ),
        Operation(
            DESCRIBE_PROJECT_VERSIONS,
            "ProjectVersionDescriptions",
            Resource.PROJECT,
            sid="ListVersions",
            iam_resource=_PROJECT_ARNS,
            parameter="ProjectArn",
            page_size=100,
        ),
        Operation(
            DESCRIBE_DATASET,
            "DatasetDescription",
            Resource.DATASET,
            sid="DescribeDatasets",
            iam_resource=f"{_PROJECT_ARNS}/dataset/*/*",
            result=Result.OBJECT,
            parameter="DatasetArn",
            detail="datasets",
            is_default=True,
        ),
        Operation(
            LIST_TAGS_FOR_RESOURCE,
            "Tags",
            Resource.ANY,
            sid="ListTags",
            iam_resource=_PROJECT_ARNS,
            result=Result.ENTRIES,
            parameter="ResourceArn",
            detail="tags",
        ),
        Operation(
            LIST_PROJECT_POLICIES,
            "ProjectPolicies",
            Resource.PROJECT,
            sid="ListPolicies",
            iam_resource=_PROJECT_ARNS,
            parameter="ProjectArn",
            page_size=5,
            detail="policies",
        ),
    )
}
"""Every operation by its name, in the order in which the policy and `doctor` name them."""

DETAILS: Mapping[str, str] = MappingProxyType(
    {operation.detail: operation.name for operation in OPERATIONS.values() if operation.detail}
)
"""What a sync can ask for beside projects and versions, each with its operation: one call (or more) a resource."""
DEFAULT_DETAILS = tuple(operation.detail for operation in OPERATIONS.values() if operation.is_default)
"""Taken where they are permitted, unless others are asked for."""
RESULT_KEYS: Mapping[str, str] = MappingProxyType(
    {name: operation.result_key for name, operation in OPERATIONS.items()}
)
"""The member of each operation's answer that holds the result."""


def detail_operation(detail: str) -> Operation:
    """Return the operation of a detail; KeyError if there is none."""
    for operation in OPERATIONS.values():
        if operation.detail == detail:
            return operation
    raise KeyError(detail)

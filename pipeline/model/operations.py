"""The operations of the API that are called, each declared once: its request, its answer and its IAM permission.

Requests, the validation of answers, the probe of `doctor` and the IAM policy follow from the declarations.
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
    """The kind of an operation's result, and so how rows are found in it."""

    LIST = "list"
    """A list of descriptions."""
    OBJECT = "object"
    """One description."""
    ENTRIES = "entries"
    """An object whose names users choose. Each entry is a row, as if it were an item with `key` and `value`."""


class Resource(StrEnum):
    """The resources that an operation is called for, with one or more calls each."""

    SCOPE = "scope"
    """The account and region as a whole: no parameter names a resource."""
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
    """The name of its statement in the IAM policy."""
    iam_resource: str
    """The resource of that statement; {partition} is replaced with the partition."""
    result: Result = Result.LIST
    parameter: str = ""
    """The parameter that names the resource."""
    page_size: int | None = None
    """The maximum number of items on a page (API reference, MaxResults); None: there is only one page."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Parameters with the same value in every call."""
    detail: str = ""
    """The name of the detail for `--with`; empty for the two listings, which every sync calls."""
    is_default: bool = False
    """Whether the detail is listed by default."""

    def parameters(self, arn: str = "", token: str = "", *, page_size: int | None = None) -> dict[str, Any]:
        """Return the parameters of a call, for the resource `arn` and the page at `token`, if there are any."""
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
"""Every operation by its name, in the order of the policy and of `doctor`."""

DETAILS: Mapping[str, str] = MappingProxyType(
    {operation.detail: operation.name for operation in OPERATIONS.values() if operation.detail}
)
"""What a sync can list besides projects and versions, and the operation: one or more calls per resource."""
DEFAULT_DETAILS = tuple(operation.detail for operation in OPERATIONS.values() if operation.is_default)
"""Details that are listed by default, where they are permitted."""
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

"""One page of one listing, to be asked for: which call with which parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.model.operations import (
    DESCRIBE_DATASET,
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    DETAILS,
    LIST_PROJECT_POLICIES,
    LIST_TAGS_FOR_RESOURCE,
)

PAGE_SIZE, POLICY_PAGE_SIZE = 100, 5
"""The most that the operations give at a time (API reference, MaxResults)."""
FEATURES = ("CUSTOM_LABELS", "CONTENT_MODERATION")
"""DescribeProjects leaves adapters out unless both are asked for."""

DETAIL_OF = {operation: detail for detail, operation in DETAILS.items()}
_STATED_IN = {
    DESCRIBE_PROJECTS: "",
    DESCRIBE_PROJECT_VERSIONS: "ProjectArn",
    DESCRIBE_DATASET: "DatasetArn",
    LIST_TAGS_FOR_RESOURCE: "ResourceArn",
    LIST_PROJECT_POLICIES: "ProjectArn",
}
"""The parameter that names the resource asked about."""


@dataclass(frozen=True, slots=True)
class Request:
    """One page of one listing, to be asked for; `tokens` are those that the listing has shown so far."""

    operation: str
    project_arn: str = ""
    resource_arn: str = ""
    listing: int = 1
    number: int = 1
    token: str = ""
    tokens: set[str] = field(default_factory=set)
    attempts: int = 0
    failed_since: float | None = None

    @property
    def detail(self) -> str | None:
        """The detail that it is asked for; None: for the listing itself."""
        return DETAIL_OF.get(self.operation)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the call."""
        asked: dict[str, Any] = {"NextToken": self.token} if self.token else {}
        if name := _STATED_IN[self.operation]:
            asked[name] = self.resource_arn or self.project_arn
        if self.operation == DESCRIBE_PROJECTS:
            asked["Features"] = list(FEATURES)
        if self.operation in {DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS}:
            asked["MaxResults"] = PAGE_SIZE
        if self.operation == LIST_PROJECT_POLICIES:
            asked["MaxResults"] = POLICY_PAGE_SIZE
        return asked

    @property
    def doing(self) -> str:
        """Which page is asked for, for messages."""
        what = f"{self.operation} page {self.number}"
        if self.resource_arn and self.resource_arn != self.project_arn:
            return f"{self.resource_arn}, {what}"
        return f"project {self.project_arn}, {what}" if self.project_arn else what

    def again(self, **changed: Any) -> Request:
        """Return the request with something changed."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Request(**fields | changed)

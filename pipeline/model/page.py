"""A page as it came: what extract yields, landing keeps and flatten reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

DESCRIBE_PROJECTS = "DescribeProjects"
DESCRIBE_PROJECT_VERSIONS = "DescribeProjectVersions"

RESULT_KEYS = MappingProxyType(
    {
        DESCRIBE_PROJECTS: "ProjectDescriptions",
        DESCRIBE_PROJECT_VERSIONS: "ProjectVersionDescriptions",
    }
)
"""The member of each operation's answer that holds the listed descriptions."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One account in one region: the unit that is listed, and that is complete or is not."""

    region: str
    account_id: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}"


@dataclass(frozen=True, slots=True)
class RawPage:
    """One answer of one listing, body byte for byte.

    `project_arn` is "" for DescribeProjects. `listing` counts from 1 and grows when a listing had to start
    again (an expired token): only the pages of the last listing count. `page_number` counts from 1 within it.
    `http_status` is 200, or 400 for the ResourceNotFoundException of a project that vanished while listed.
    """

    operation: str
    project_arn: str
    listing: int
    page_number: int
    http_status: int
    observed_at: datetime
    request_id: str
    body: bytes

    def describe(self, scope: Scope) -> str:
        """Say which page this is, for messages."""
        project = f", project {self.project_arn}" if self.project_arn else ""
        return f"account {scope.account_id}, region {scope.region}{project}, {self.operation} page {self.page_number}"

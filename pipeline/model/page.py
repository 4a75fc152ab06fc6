"""A raw page: extract yields it, landing stores it, flatten reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One account in one region: the unit that is listed, to its end or not."""

    region: str
    account_id: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}"


@dataclass(frozen=True, slots=True)
class RawPage:
    """One answer of a listing, its body byte for byte.

    `project_arn` is "" for DescribeProjects. `resource_arn` is the ARN that a detail was listed for (a dataset, project
    or version), "" in the two listings; `project_arn` is then the project that it belongs to. `listing` counts from 1
    and grows when a listing had to begin again because its token expired: only the pages of the last listing count.
    `page_number` counts from 1 within a listing. `http_status` is 200, or 400 for the ResourceNotFoundException of a
    project or resource that has vanished. `digest` is the SHA-256 of the page's items, byte for byte, without the
    token, which differs in each listing; empty if it was not taken.
    """

    operation: str
    project_arn: str
    listing: int
    page_number: int
    http_status: int
    observed_at: datetime
    request_id: str
    body: bytes
    resource_arn: str = ""
    digest: bytes = b""

    def describe(self, scope: Scope) -> str:
        """Say which page this is, for messages."""
        arn = self.resource_arn or self.project_arn
        project = f", {'project ' if arn == self.project_arn else ''}{arn}" if arn else ""
        return f"account {scope.account_id}, region {scope.region}{project}, {self.operation} page {self.page_number}"

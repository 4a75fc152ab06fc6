"""A page as it came: what extract yields, landing keeps and flatten reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec


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

    `project_arn` is "" for DescribeProjects. `resource_arn` is the ARN that a detail asks about (a dataset, project or
    version), "" for the two listings; `project_arn` is then the project it belongs to.
    `listing` counts from 1 and grows when a listing had to start
    again (an expired token): only the pages of the last listing count. `page_number` counts from 1 within it.
    `http_status` is 200, or 400 for the ResourceNotFoundException of a project (or resource) that vanished meanwhile.
    `digest` is the SHA-256 of what is listed on it, byte for byte: all but the token, which AWS makes anew for each
    listing. Empty where it was not taken. `texts` are the pieces of the body that describe one thing each, if whoever
    took it has found them.
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
    texts: Sequence[msgspec.Raw] = field(default=(), compare=False, repr=False)

    def describe(self, scope: Scope) -> str:
        """Say which page this is, for messages."""
        arn = self.resource_arn or self.project_arn
        project = f", {'project ' if arn == self.project_arn else ''}{arn}" if arn else ""
        return f"account {scope.account_id}, region {scope.region}{project}, {self.operation} page {self.page_number}"

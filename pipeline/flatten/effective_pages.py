"""Which landed pages count: those of the last listing of each project or resource, unless it has vanished since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS

HTTP_ERROR = 400
"""Statuses from here on are errors. Only ResourceNotFoundException is landed."""


@dataclass(frozen=True, slots=True)
class PageHead:
    """A landed page without its body: enough to decide whether it counts. The fields are those of RawPage."""

    operation: str
    project_arn: str
    listing: int
    page_number: int
    http_status: int
    resource_arn: str = ""

    @property
    def source(self) -> tuple[str, str]:
        """The operation and what it was asked about. Each source has one listing that counts."""
        return self.operation, self.resource_arn or self.project_arn


@dataclass(frozen=True, slots=True)
class EffectivePages:
    """Which pages of a scope count.

    `listings` maps each source to the listing that counts. `vanished` are the sources that answered
    ResourceNotFoundException. `deleted` are those among them whose versions were asked for: the project was
    deleted between the two calls. A dataset that vanished does not remove its project.
    """

    listings: dict[tuple[str, str], int]
    deleted: frozenset[str]
    vanished: frozenset[tuple[str, str]]

    def counts(self, head: PageHead) -> bool:
        """Whether the page's rows are rows of the scope."""
        if head.project_arn in self.deleted or head.source in self.vanished:
            return False
        return self.listings[head.source] == head.listing


def effective_pages(heads: Iterable[PageHead]) -> EffectivePages:
    """Decide which pages count, from the heads of all of a scope's landed pages in any order."""
    listings: dict[tuple[str, str], int] = {}
    vanished: set[tuple[str, str]] = set()
    for head in heads:
        listings[head.source] = max(head.listing, listings.get(head.source, 0))
        if head.http_status >= HTTP_ERROR and head.project_arn:
            vanished.add(head.source)
    deleted = frozenset(arn for operation, arn in vanished if operation == DESCRIBE_PROJECT_VERSIONS)
    return EffectivePages(listings, deleted, frozenset(vanished))

"""Which landed pages count: the last listing of each project, and no project that vanished meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.model.page import DESCRIBE_PROJECTS

HTTP_ERROR = 400
"""From here on a status is an error; the only one that is landed is ResourceNotFoundException."""


@dataclass(frozen=True, slots=True)
class PageHead:
    """A landed page without its body: enough to decide whether it counts. Fields as in RawPage."""

    operation: str
    project_arn: str
    listing: int
    page_number: int
    http_status: int


@dataclass(frozen=True, slots=True)
class Counting:
    """What a scope's landed pages come to.

    `listings` maps (operation, project ARN) to the listing that counts; `gone` holds the projects that answered
    ResourceNotFoundException: deleted between the two calls.
    """

    listings: dict[tuple[str, str], int]
    gone: frozenset[str]

    def counts(self, head: PageHead, projects: frozenset[str] | None = None) -> bool:
        """Whether the page's rows are rows of the scope; `projects`, once known, are those that exist."""
        if head.project_arn in self.gone:
            return False
        if projects is not None and head.operation != DESCRIBE_PROJECTS and head.project_arn not in projects:
            return False
        return self.listings[head.operation, head.project_arn] == head.listing


def counting(heads: Iterable[PageHead]) -> Counting:
    """Decide from the heads of all of a scope's landed pages, in any order."""
    listings: dict[tuple[str, str], int] = {}
    gone: set[str] = set()
    for head in heads:
        source = head.operation, head.project_arn
        listings[source] = max(head.listing, listings.get(source, 0))
        if head.http_status >= HTTP_ERROR and head.project_arn:
            gone.add(head.project_arn)
    return Counting(listings, frozenset(gone))

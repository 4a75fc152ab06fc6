"""Which landed pages count: the last listing of each project or resource, and nothing that vanished meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS

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
    resource_arn: str = ""

    @property
    def source(self) -> tuple[str, str]:
        """The operation and what it was asked about: one source has one listing that counts."""
        return self.operation, self.resource_arn or self.project_arn


@dataclass(frozen=True, slots=True)
class EffectivePages:
    """What a scope's landed pages come to.

    `listings` maps each source to the listing that counts. `gone` holds the projects that answered
    ResourceNotFoundException: they were deleted between the two calls. `vanished` are the sources that answered so; a
    dataset that did takes no project with it.
    """

    listings: dict[tuple[str, str], int]
    gone: frozenset[str]
    vanished: frozenset[tuple[str, str]]

    def counts(self, head: PageHead) -> bool:
        """Whether the page's rows are rows of the scope."""
        if head.project_arn in self.gone or head.source in self.vanished:
            return False
        return self.listings[head.source] == head.listing


def effective_pages(heads: Iterable[PageHead]) -> EffectivePages:
    """Decide from the heads of all of a scope's landed pages, in any order."""
    listings: dict[tuple[str, str], int] = {}
    vanished: set[tuple[str, str]] = set()
    for head in heads:
        listings[head.source] = max(head.listing, listings.get(head.source, 0))
        if head.http_status >= HTTP_ERROR and head.project_arn:
            vanished.add(head.source)
    gone = frozenset(arn for operation, arn in vanished if operation == DESCRIBE_PROJECT_VERSIONS)
    return EffectivePages(listings, gone, frozenset(vanished))

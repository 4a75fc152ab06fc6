"""The pages of a landed scope that count, by operation and project."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from pipeline import landing
from pipeline.flatten.effective_pages import EffectivePages, PageHead, effective_pages
from pipeline.landing import LandedScope
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS
from pipeline.model.page import RawPage


class LandedPages:
    """The pages of a landed scope that count, by operation and project. Bodies are read when they are asked for."""

    def __init__(self, landed: LandedScope) -> None:
        """LakeError if the file cannot be read."""
        self._file = landing.Pages(landed.path)
        heads = [PageHead(**head) for head in self._file.heads()]
        self.total = len(heads)
        self.effective: EffectivePages = effective_pages(heads)
        self._positions: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for position, head in enumerate(heads):
            if self.effective.counts(head):
                self._positions[head.operation][head.project_arn].append(position)

    def of(self, operation: str, projects: Iterable[str] | None = None) -> list[RawPage]:
        """Return the pages of an operation that count, of all projects or of these."""
        by_project = self._positions[operation]
        wanted = by_project.keys() if projects is None else by_project.keys() & set(projects)
        return list(self._file.at(sorted(position for project in wanted for position in by_project[project])))

    def version_pages(self) -> Counter[str]:
        """Return how many pages of versions each project has."""
        by_project = self._positions[DESCRIBE_PROJECT_VERSIONS]
        return Counter({project: len(positions) for project, positions in by_project.items()})

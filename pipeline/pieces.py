"""A scope's pages as tables, piece by piece: whole projects where they fit, as they come, and in bounded memory."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain

import pyarrow as pa

from pipeline.feed import Arrived
from pipeline.flatten import Flat, flatten, flatten_detail
from pipeline.flatten.effective_pages import HTTP_ERROR
from pipeline.load.parallel import ordered_map
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import RawPage, Scope

PIECE_BYTES = 3 << 20
"""Bodies flattened at a time while pages come: about 1,000 versions. A piece costs as much as 200 versions do, but
larger ones wait longer, in memory."""
PORTIONS = 2
"""Once pages are landed, so many times as much is flattened at a time, and so many pieces before they are asked for.
One thread does it while another writes; a second would take the interpreter from the first as often as it helps."""
PROJECT_BYTES = 4 << 20
"""Bodies of one project that are waited for: about 1,300 versions; a larger project is cut."""
UNORDERED_BYTES = 8 << 20
"""Bodies of whole projects that wait for one that comes before them; beyond that, rows have to be put in order."""


class OvertakenError(Exception):
    """A project was cut, and then began anew or vanished: what was flattened of it does not count."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Pages that are flattened together.

    The rows of later pieces have no key below `settled`; None for the last piece. `cut` is the project that the piece
    is a detail of, if it was too large for one; "" if the piece holds whole projects. `is_end` says that it is the last
    detail of that project.
    """

    pages: list[RawPage]
    settled: str | None
    cut: str = ""
    is_end: bool = False


class Projects:
    """The projects of a scope: those whose versions are still to come, and those that vanished meanwhile."""

    def __init__(self, arns: Collection[str]) -> None:
        self.outstanding = set(arns)
        self.gone: set[str] = set()
        self._in_order = deque(sorted(self.outstanding))

    @property
    def first(self) -> str | None:
        """The lowest ARN among those outstanding."""
        while self._in_order and self._in_order[0] not in self.outstanding:
            self._in_order.popleft()
        return self._in_order[0] if self._in_order else None


def flatten_scope(
    scope: Scope, arrivals: Iterable[Arrived], details: Collection[str], *, portions: int = PORTIONS
) -> Iterator[tuple[Flat, str | None]]:
    """Yield a scope as tables: its versions in about the order they came, then its projects, then each of `details`.

    With each piece comes its `settled`. The pages of DescribeProjects come first. No key comes twice: of a version that
    stands on two pages the later counts, but where a project was cut between them, the earlier. Of a detail, rows come
    about the datasets, projects and versions of this listing only; it is not said whether all were asked about.

    OvertakenError if what was yielded has turned out not to count: begin again with the landed pages.
    """
    stream = iter(arrivals)
    project_pages, rest = projects_first(stream)
    projects = flatten(DESCRIBE_PROJECTS, scope, project_pages)
    known = Projects(set(projects.tables["projects"].column("project_arn").to_pylist()))
    answers = Answers(chain(rest, stream))
    resources = projects.resources
    seen: dict[str, list[pa.Array]] = {}
    for piece, flat in ordered_map(
        lambda piece: (piece, flatten(DESCRIBE_PROJECT_VERSIONS, scope, piece.pages)),
        pieces(answers.of_versions(), known, portions),
        ahead=portions,
    ):
        if "tags" in details:
            resources.append(flat.arns)
        if piece.cut:
            known_before = seen.pop(piece.cut, [])
            new = flat.without(known_before)
            if not piece.is_end:
                seen[piece.cut] = [*known_before, new.arns]
            yield new, piece.settled
        else:
            yield flat, piece.settled
    yield flatten(DESCRIBE_PROJECTS, scope, project_pages, gone=known.gone) if known.gone else projects, None
    for detail, operation in DETAILS.items():
        if detail in details:
            pages = answers.of_detail(operation, known.gone)
            yield flatten_detail(operation, scope, pages).only(pa.concat_arrays(resources)), None


def projects_first(stream: Iterator[Arrived]) -> tuple[list[RawPage], list[Arrived]]:
    """Return the pages of the listing of projects that counts, and what came after it and was taken to know."""
    pages: list[RawPage] = []
    for arrived in stream:
        page = arrived.page
        if page.operation != DESCRIBE_PROJECTS:
            return pages, [arrived]
        pages = [one for one in pages if one.listing == page.listing]
        pages.append(page)
        if arrived.is_last:
            break
    return pages, []


class Answers:
    """The pages of versions on their way, and beside them those of details, kept until they are asked for."""

    def __init__(self, arrivals: Iterable[Arrived]) -> None:
        self._arrivals = arrivals
        self._of_details: dict[str, dict[str, list[RawPage]]] = defaultdict(dict)

    def of_versions(self) -> Iterator[Arrived]:
        """Yield the pages of versions; the others are kept."""
        for arrived in self._arrivals:
            page = arrived.page
            if page.operation == DESCRIBE_PROJECT_VERSIONS:
                yield arrived
            elif page.operation != DESCRIBE_PROJECTS:
                asked = self._of_details[page.operation]
                before = [one for one in asked.get(page.resource_arn, []) if one.listing == page.listing]
                asked[page.resource_arn] = [*before, page]

    def of_detail(self, operation: str, gone: Collection[str]) -> list[RawPage]:
        """Return the pages of a detail about resources that have not vanished, nor their project."""
        return [
            page
            for pages in self._of_details[operation].values()
            if all(page.http_status < HTTP_ERROR and page.project_arn not in gone for page in pages)
            for page in pages
        ]


def pieces(arrivals: Iterable[Arrived], projects: Projects, portions: int = 1) -> Iterator[Piece]:
    """Group pages, which come mixed because projects are listed side by side, into pieces, in key order where possible.

    Pages of projects that are not outstanding do not count; each is outstanding until its last page came. Of a project
    whose listing began anew the new pages count; one that answered with an error is noted as gone.
    """
    waiting: dict[str, list[RawPage]] = {}
    ready = _Ready(PIECE_BYTES * portions)
    cut: dict[str, int] = {}
    for page, is_last in arrivals:
        arn = page.project_arn
        if arn not in projects.outstanding:
            continue
        is_gone = page.http_status >= HTTP_ERROR
        if cut.get(arn, page.listing) != page.listing or (is_gone and arn in cut):
            raise OvertakenError(arn)
        pages = [one for one in waiting.pop(arn, []) if one.listing == page.listing]
        if is_last:
            projects.outstanding.discard(arn)
        if is_gone:
            projects.gone.add(arn)
            continue
        pages.append(page)
        if not is_last and _size(pages) < PROJECT_BYTES:
            waiting[arn] = pages
        elif not is_last or arn in cut:
            cut[arn] = page.listing
            yield Piece(pages, _settled(projects, ready.projects), arn, is_end=is_last)
        else:
            ready.add(arn, pages)
            if together := ready.due(projects.first):
                yield Piece(ready.take(together), _settled(projects, ready.projects))
    if ready.projects:
        yield Piece(ready.take(sorted(ready.projects)), None)


class _Ready:
    """Whole projects that will soon be a piece."""

    def __init__(self, piece_bytes: int) -> None:
        self.projects: dict[str, list[RawPage]] = {}
        self._piece_bytes = piece_bytes
        self._size = 0

    def add(self, arn: str, pages: list[RawPage]) -> None:
        self.projects[arn] = pages
        self._size += _size(pages)

    def due(self, first: str | None) -> list[str]:
        """Return the projects that make up a piece by now, all before `first`; of too many that wait for it, some."""
        if self._size < self._piece_bytes:
            return []
        in_order = sorted(arn for arn in self.projects if first is None or arn < first)
        if sum(_size(self.projects[arn]) for arn in in_order) >= self._piece_bytes:
            return in_order
        return self._lowest() if self._size >= UNORDERED_BYTES else []

    def _lowest(self) -> list[str]:
        """Return the first projects that are enough for a piece."""
        sizes = accumulate(_size(pages) for _, pages in sorted(self.projects.items()))
        enough = next(count for count, size in enumerate(sizes, 1) if size >= self._piece_bytes)
        return sorted(self.projects)[:enough]

    def take(self, arns: Iterable[str]) -> list[RawPage]:
        """Return these projects' pages, and let go of them."""
        pages = [page for arn in arns for page in self.projects.pop(arn)]
        self._size -= _size(pages)
        return pages


def _settled(projects: Projects, ready: Iterable[str]) -> str | None:
    """Return what the versions' keys of the projects that are still to come begin with at the least.

    A version's ARN begins as its project's does, up to the last slash.
    """
    arns = [*ready, *([projects.first] if projects.first else [])]
    return min(arns).rpartition("/")[0] if arns else None


def _size(pages: Iterable[RawPage]) -> int:
    return sum(len(page.body) for page in pages)

"""A landed scope as tables, piece by piece: whole projects where they fit, and in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import landing
from pipeline.flatten import Flat, flatten, flatten_part
from pipeline.flatten.counting import Counting, PageHead, counting
from pipeline.landing import LandedScope
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, PARTS, RawPage
from pipeline.parallel import ordered_map

PIECE_BYTES = 8 << 20
"""Bodies flattened at a time: about 4,000 versions."""
PROJECT_BYTES = 4 << 20
"""Bodies of one project that are waited for: about 1,300 versions; a larger project is cut."""
FLATTEN_THREADS = 2
"""pyarrow releases the interpreter while it parses; a third thread only waits for memory."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Pages that are flattened together.

    The rows of later pieces have no key below `settled`; None for the last piece. `cut` is the project that the piece
    is a part of, if it was too large for one; "" if the piece holds whole projects.
    """

    pages: list[RawPage]
    settled: str | None
    cut: str = ""


def flatten_scope(landed: LandedScope) -> Iterator[tuple[Flat, str | None]]:
    """Yield a landed scope as tables: its projects, then its versions in about the order they came, then its parts.

    With each piece comes its `settled`. No key comes twice: of a version that stands on two pages the later counts,
    but where a project was cut between them, the earlier. Of the parts, those that were asked to their end come, one
    Flat each, with rows about the datasets, projects and versions of this listing only.
    """
    file = landing.Pages(landed.path)
    heads = [PageHead(**head) for head in file.heads()]
    decided = counting(heads)
    project_pages = file.wanted(lambda at: heads[at].operation == DESCRIBE_PROJECTS and decided.counts(heads[at]))
    projects = flatten(DESCRIBE_PROJECTS, landed.scope, list(project_pages), gone=decided.gone)
    yield projects, None
    existing = frozenset(projects.tables["projects"].column("project_arn").to_pylist())
    wanted = {
        at: head.project_arn
        for at, head in enumerate(heads)
        if head.operation == DESCRIBE_PROJECT_VERSIONS and decided.counts(head, existing)
    }
    asked = _asked(landed, heads)
    resources = projects.resources
    seen: dict[str, list[pa.Array]] = defaultdict(list)
    for piece, flat in ordered_map(
        lambda piece: (piece, flatten(DESCRIBE_PROJECT_VERSIONS, landed.scope, piece.pages)),
        pieces(file.wanted(wanted.__contains__), list(wanted.values())),
        workers=FLATTEN_THREADS,
        ahead=FLATTEN_THREADS,
    ):
        if len(asked):
            resources.append(flat.arns.filter(pc.is_in(flat.arns, asked)))
        if piece.cut:
            new = flat.without(seen[piece.cut])
            seen[piece.cut].append(new.arns)
            yield new, piece.settled
        else:
            yield flat, piece.settled
    for part in _flatten_parts(landed, file, heads, decided, pa.concat_arrays(resources)):
        yield part, None


def _asked(landed: LandedScope, heads: Sequence[PageHead]) -> pa.Array:
    """Return the ARNs that the parts were asked about: which of them exist is found out while versions go by."""
    operations = {PARTS[part] for part in landed.parts & PARTS.keys()}
    return pa.array(sorted({head.resource_arn for head in heads if head.operation in operations}), pa.string())


def _flatten_parts(
    landed: LandedScope, file: landing.Pages, heads: Sequence[PageHead], decided: Counting, resources: pa.Array
) -> Iterator[Flat]:
    for part, operation in PARTS.items():
        if part in landed.parts:
            wanted = {at for at, head in enumerate(heads) if head.operation == operation and decided.counts(head)}
            pages = list(file.wanted(wanted.__contains__))
            yield flatten_part(operation, landed.scope, pages).only(resources)


def pieces(pages: Iterator[RawPage], project_arns: Sequence[str]) -> Iterator[Piece]:
    """Group pages, which come mixed because projects are listed side by side, into pieces.

    `project_arns` are those of the pages, in the same order.
    """
    later = list(accumulate(reversed(project_arns), min))[::-1]  # of each page, the lowest ARN from there on
    to_come = Counter(project_arns)
    waiting: dict[str, list[RawPage]] = defaultdict(list)
    ready: list[RawPage] = []
    cut: set[str] = set()
    for at, page in enumerate(pages, 1):
        arn = page.project_arn
        to_come[arn] -= 1
        waiting[arn].append(page)
        if to_come[arn] and _size(waiting[arn]) < PROJECT_BYTES:
            continue
        part = waiting.pop(arn)
        if to_come[arn] or arn in cut:
            cut.add(arn)
            yield Piece(part, _settled([*later[at : at + 1], *waiting, *_arns(ready)]), arn)
            continue
        ready += part
        if _size(ready) >= PIECE_BYTES:
            yield Piece(ready, _settled([*later[at : at + 1], *waiting]))
            ready = []
    if ready:
        yield Piece(ready, None)


def _settled(arns: Sequence[str]) -> str | None:
    """Return what the versions' keys of these projects begin with at the least.

    A version's ARN begins as its project's does, up to the last slash.
    """
    return min(arns).rpartition("/")[0] if arns else None


def _arns(pages: Sequence[RawPage]) -> list[str]:
    return [page.project_arn for page in pages]


def _size(pages: Sequence[RawPage]) -> int:
    return sum(len(page.body) for page in pages)

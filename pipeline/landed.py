"""A landed file's pages that count, as if they came again: projects first, and each with whether it is the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline import landing
from pipeline.feed import Arrived
from pipeline.flatten.effective_pages import HTTP_ERROR, Counting, PageHead, counting
from pipeline.landing import LandedScope
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS
from pipeline.model.page import RawPage
from pipeline.unchanged import Before, place_of


def arrivals(landed: LandedScope, before: Before | None = None) -> Iterator[Arrived]:
    """Yield the pages of the listings that count; of a project that vanished, the answer that said so.

    Of versions' pages that are as they were `before`, only that is told, by their digest: their bodies are not read.
    """
    file = landing.Pages(landed.path)
    heads = [PageHead(**head) for head in file.heads()]
    known = _equal(landing.digests(landed.path), before) if before else {}
    decided = counting(heads)
    counted = [_counts(head, decided) for head in heads]
    for is_about_projects in (True, False):
        wanted = [
            counts and (head.operation == DESCRIBE_PROJECTS) is is_about_projects
            for head, counts in zip(heads, counted, strict=True)
        ]
        yield from _with_ends(file, heads, wanted, known)


def _counts(head: PageHead, decided: Counting) -> bool:
    is_farewell = head.http_status >= HTTP_ERROR and head.operation == DESCRIBE_PROJECT_VERSIONS
    return is_farewell or decided.counts(head)


def _equal(pages: Sequence[Mapping[str, Any]], before: Before) -> dict[int, bytes]:
    """Return the digests of the versions' pages that are as they were, by their position."""
    return {
        position: page["digest"]
        for position, page in enumerate(pages)
        if page["operation"] == DESCRIBE_PROJECT_VERSIONS
        and page["digest"]
        and before.digests.get(place_of(PageHead(**{name: page[name] for name in landing.HEAD_COLUMNS})))
        == page["digest"]
    }


def _with_ends(
    file: landing.Pages, heads: Sequence[PageHead], wanted: Sequence[bool], known: Mapping[int, bytes]
) -> Iterator[Arrived]:
    positions = [position for position, is_wanted in enumerate(wanted) if is_wanted]
    to_come = Counter(heads[position].source for position in positions)
    read = file.wanted(lambda position: wanted[position] and position not in known)
    for position in positions:
        head = heads[position]
        to_come[head.source] -= 1
        page = _untold(head, known[position]) if position in known else next(read)
        yield Arrived(page, to_come[head.source] == 0)


def _untold(head: PageHead, digest: bytes) -> RawPage:
    """Return a page of which no more is to be known than that it was there."""
    return RawPage(**asdict(head), observed_at=landing.NEVER, request_id="", body=b"", digest=digest)

"""A landed file's pages that count, as if they came again: projects first, and each with whether it is the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline import landing
from pipeline.feed import Arrived
from pipeline.flatten.counting import HTTP_ERROR, Counting, PageHead, counting
from pipeline.landing import LandedScope
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS


def arrivals(landed: LandedScope) -> Iterator[Arrived]:
    """Yield the pages of the listings that count; of a project that vanished, the answer that said so."""
    file = landing.Pages(landed.path)
    heads = [PageHead(**head) for head in file.heads()]
    decided = counting(heads)
    counted = [_counts(head, decided) for head in heads]
    for is_about_projects in (True, False):
        wanted = [
            counts and (head.operation == DESCRIBE_PROJECTS) is is_about_projects
            for head, counts in zip(heads, counted, strict=True)
        ]
        yield from _with_ends(file, heads, wanted)


def _counts(head: PageHead, decided: Counting) -> bool:
    is_farewell = head.http_status >= HTTP_ERROR and head.operation == DESCRIBE_PROJECT_VERSIONS
    return is_farewell or decided.counts(head)


def _with_ends(file: landing.Pages, heads: Sequence[PageHead], wanted: Sequence[bool]) -> Iterator[Arrived]:
    sources = [head.source for head, is_wanted in zip(heads, wanted, strict=True) if is_wanted]
    to_come = Counter(sources)
    for page, source in zip(file.wanted(wanted.__getitem__), sources, strict=True):
        to_come[source] -= 1
        yield Arrived(page, to_come[source] == 0)

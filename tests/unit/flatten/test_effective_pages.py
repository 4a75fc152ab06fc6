from __future__ import annotations

from pipeline.flatten.effective_pages import PageHead, effective_pages
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS as V
from pipeline.model.operations import DESCRIBE_PROJECTS as P
from pipeline.model.operations import DETAILS


def test_only_the_last_listing_counts():
    heads = [
        PageHead(P, "", 1, 1, 200),
        PageHead(V, "a", 1, 1, 200),
        PageHead(V, "a", 2, 1, 200),
        PageHead(V, "b", 1, 1, 200),
    ]
    effective = effective_pages(heads)
    assert [effective.counts(head) for head in heads] == [True, False, True, True]
    assert effective == effective_pages(heads[::-1])


def test_a_vanished_project_counts_nowhere():
    heads = [PageHead(P, "", 1, 1, 200), PageHead(V, "a", 1, 1, 200), PageHead(V, "a", 1, 0, 400)]
    effective = effective_pages(heads)
    assert effective.deleted == {"a"}
    assert [effective.counts(head) for head in heads] == [True, False, False]


D, T, L = (DETAILS[detail] for detail in ("datasets", "tags", "policies"))


def test_each_resource_of_a_detail_has_a_listing_of_its_own():
    heads = [
        PageHead(P, "", 1, 1, 200),
        PageHead(T, "a", 1, 1, 200, "a"),
        PageHead(T, "a", 2, 1, 200, "a"),
        PageHead(T, "a", 1, 1, 200, "a/v"),
        PageHead(L, "a", 1, 1, 200, "a"),
        PageHead(D, "a", 1, 1, 200, "a/d"),
    ]
    effective = effective_pages(heads)
    assert [effective.counts(head) for head in heads] == [True, False, True, True, True, True]


def test_a_resource_that_vanished_takes_neither_its_project_nor_its_other_details_with_it():
    heads = [
        PageHead(V, "a", 1, 1, 200),
        PageHead(D, "a", 1, 1, 400, "a/d"),
        PageHead(T, "a", 1, 1, 200, "a/d"),
        PageHead(L, "a", 1, 1, 200, "a"),
        PageHead(L, "a", 1, 2, 400, "a"),
        PageHead(T, "a", 1, 1, 200, "a"),
    ]
    effective = effective_pages(heads)
    assert effective.deleted == frozenset()
    assert [effective.counts(head) for head in heads] == [True, False, True, False, False, True]


def test_a_project_that_vanished_takes_its_details_with_it():
    heads = [PageHead(V, "a", 1, 1, 400), PageHead(T, "a", 1, 1, 200, "a/v"), PageHead(T, "b", 1, 1, 200, "b")]
    assert [effective_pages(heads).counts(head) for head in heads] == [False, False, True]

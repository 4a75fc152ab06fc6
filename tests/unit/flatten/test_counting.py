from __future__ import annotations

from pipeline.flatten.counting import PageHead, counting
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS as V
from pipeline.model.page import DESCRIBE_PROJECTS as P


def test_only_the_last_listing_counts():
    heads = [
        PageHead(P, "", 1, 1, 200),
        PageHead(V, "a", 1, 1, 200),
        PageHead(V, "a", 2, 1, 200),
        PageHead(V, "b", 1, 1, 200),
    ]
    decided = counting(heads)
    assert [decided.counts(head) for head in heads] == [True, False, True, True]
    assert decided == counting(heads[::-1])


def test_a_vanished_project_counts_nowhere():
    heads = [PageHead(P, "", 1, 1, 200), PageHead(V, "a", 1, 1, 200), PageHead(V, "a", 1, 0, 400)]
    decided = counting(heads)
    assert decided.gone == {"a"}
    assert [decided.counts(head) for head in heads] == [True, False, False]


def test_versions_of_projects_that_the_last_listing_does_not_have_do_not_count():
    heads = [PageHead(P, "", 2, 1, 200), PageHead(V, "a", 1, 1, 200), PageHead(V, "b", 1, 1, 200)]
    decided = counting(heads)
    assert [decided.counts(head, frozenset({"b"})) for head in heads] == [True, False, True]

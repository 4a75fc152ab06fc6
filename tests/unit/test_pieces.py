from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline import pieces
from pipeline.feed import Arrived
from pipeline.model.page import RawPage

SEEN = datetime(2026, 1, 1, tzinfo=UTC)


def page(project: str, number: int, size: int) -> RawPage:
    arn = f"arn:aws:rekognition:us-east-1:111122223333:project/{project}/1"
    return RawPage("DescribeProjectVersions", arn, 1, number, 200, SEEN, "id", b"x" * size)


def arrivals(seed: int) -> list[RawPage]:
    """Pages of projects listed side by side: each in its own order, mixed among themselves."""
    draw = random.Random(seed)
    names = ["a", "a-b", "a.b", "ab", "b", "b1", "c"]
    order = [name for name in names for _ in range(draw.randrange(1, 7))]
    draw.shuffle(order)
    numbers: Counter[str] = Counter()
    made = []
    for name in order:
        numbers[name] += 1
        made.append(page(name, numbers[name], draw.randrange(1, 9)))
    return made


def cut(pages: list[RawPage], *more: str, gone: set[str] | None = None) -> Iterator[pieces.Piece]:
    """Cut pages into pieces; the projects are those of the pages, each of which ends with its last, and `more`."""
    left = Counter(one.project_arn for one in pages)
    arrived = []
    for one in pages:
        left[one.project_arn] -= 1
        arrived.append(Arrived(one, left[one.project_arn] == 0))
    projects = pieces.Projects({*left, *more})
    projects.gone = set() if gone is None else gone
    return pieces.pieces(arrived, projects)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("piece_bytes", "project_bytes"), [(1, 1), (10, 8), (30, 10), (1000, 1000)])
def test_pieces_hold_every_page_and_keep_their_word(
    monkeypatch: pytest.MonkeyPatch, seed: int, piece_bytes: int, project_bytes: int
):
    monkeypatch.setattr(pieces, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(pieces, "PROJECT_BYTES", project_bytes)
    pages = arrivals(seed)
    made = list(cut(pages))
    taken = [one for piece in made for one in piece.pages]
    assert Counter(map(id, taken)) == Counter(map(id, pages))
    owners: dict[str, set[int]] = {}
    for at, piece in enumerate(made):
        for one in piece.pages:
            owners.setdefault(one.project_arn, set()).add(at)
            assert piece.cut in {"", one.project_arn}
        later = [one.project_arn for following in made[at + 1 :] for one in following.pages]
        assert (piece.settled is None) == (not later)
        versions = [arn.replace("/1", "/version/v/1") for arn in later]
        assert all(arn >= piece.settled for arn in versions)
    for arn, at in owners.items():
        if len(at) > 1:  # a project in several pieces is cut, and its pages stand in their order
            assert all(made[number].cut == arn for number in at)
        ends = [number for number in at if made[number].is_end]
        assert ends == ([max(at)] if made[max(at)].cut else [])  # what was known of it is let go of then
        numbers = [one.page_number for one in taken if one.project_arn == arn]
        assert numbers == sorted(numbers)


def test_what_is_settled_lets_rows_go_before_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 4)
    pages = [page(name, 1, 4) for name in "abc"]
    made = list(cut(pages))
    assert [piece.settled and piece.settled[-1] for piece in made] == ["b", "c", None]


def test_no_pages_no_pieces():
    assert list(pieces.pieces(iter([]), [])) == []


def test_a_project_that_is_still_to_come_keeps_later_ones_from_being_settled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    monkeypatch.setattr(pieces, "UNORDERED_BYTES", 1)
    (piece,) = cut([page("b", 1, 5)], page("a", 1, 0).project_arn)
    assert piece.settled == page("a", 1, 0).project_arn.rpartition("/")[0]


def test_projects_wait_for_those_before_them_while_they_are_not_too_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 2)
    monkeypatch.setattr(pieces, "UNORDERED_BYTES", 4)
    in_order, *rest = cut([page("b", 1, 2), page("a", 1, 1), page("c", 1, 2)])
    assert [one.project_arn for one in in_order.pages] == [page(name, 1, 0).project_arn for name in "ab"]
    assert [one.pages for one in rest] == [[page("c", 1, 2)]]
    too_many, last = cut([page("c", 1, 2), page("b", 1, 2), page("a", 1, 1)])
    assert too_many.pages == [page("b", 1, 2)]
    assert too_many.settled == page("a", 1, 0).project_arn.rpartition("/")[0]
    assert [one.project_arn for one in last.pages] == [page(name, 1, 0).project_arn for name in "ac"]


def test_pages_of_projects_that_were_not_listed_do_not_count():
    stranger = page("b", 1, 5)
    projects = pieces.Projects({page("a", 1, 0).project_arn})
    made = list(pieces.pieces([Arrived(stranger, is_last=True), Arrived(page("a", 1, 5), is_last=True)], projects))
    assert [one.pages for one in made] == [[page("a", 1, 5)]]


def test_of_a_listing_that_began_anew_only_the_new_pages_count():
    again = [replace(page("a", number, 5), listing=2) for number in (1, 2)]
    (piece,) = cut([page("a", 1, 5), page("a", 2, 5), *again])
    assert piece.pages == again


def test_a_project_that_vanished_leaves_nothing_but_its_name():
    gone: set[str] = set()
    farewell = replace(page("a", 0, 5), http_status=400)
    (piece,) = cut([page("a", 1, 5), page("b", 1, 5), farewell], gone=gone)
    assert piece.pages == [page("b", 1, 5)]
    assert gone == {farewell.project_arn}


@pytest.mark.parametrize("late", [replace(page("a", 1, 5), listing=2), replace(page("a", 0, 5), http_status=400)])
def test_what_was_cut_cannot_be_taken_back(monkeypatch: pytest.MonkeyPatch, late: RawPage):
    monkeypatch.setattr(pieces, "PROJECT_BYTES", 1)
    made = cut([page("a", 1, 5), page("a", 2, 5), late])
    assert next(made).cut == late.project_arn
    with pytest.raises(pieces.OvertakenError):
        list(made)

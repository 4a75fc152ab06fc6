from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from pipeline import pieces
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


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("piece_bytes", "project_bytes"), [(1, 1), (10, 8), (30, 10), (1000, 1000)])
def test_pieces_hold_every_page_and_keep_their_word(
    monkeypatch: pytest.MonkeyPatch, seed: int, piece_bytes: int, project_bytes: int
):
    monkeypatch.setattr(pieces, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(pieces, "PROJECT_BYTES", project_bytes)
    pages = arrivals(seed)
    made = list(pieces.pieces(iter(pages), [one.project_arn for one in pages]))
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
        numbers = [one.page_number for one in taken if one.project_arn == arn]
        assert numbers == sorted(numbers)


def test_what_is_settled_lets_rows_go_before_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 4)
    pages = [page(name, 1, 4) for name in "abc"]
    made = list(pieces.pieces(iter(pages), [one.project_arn for one in pages]))
    assert [piece.settled and piece.settled[-1] for piece in made] == ["b", "c", None]


def test_no_pages_no_pieces():
    assert list(pieces.pieces(iter([]), [])) == []

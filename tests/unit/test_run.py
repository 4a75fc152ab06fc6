from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline import run
from pipeline.model.page import RawPage

SEEN = datetime(2026, 1, 1, tzinfo=UTC)


def page(project: str, number: int, size: int) -> RawPage:
    arn = f"arn:aws:rekognition:us-east-1:111122223333:project/{project}/1"
    return RawPage("DescribeProjectVersions", arn, 1, number, 200, SEEN, "id", b"x" * size)


@pytest.mark.parametrize("size", [1, 4, 10, 1000])
def test_no_later_piece_has_a_version_below_what_is_settled(monkeypatch: pytest.MonkeyPatch, size: int):
    monkeypatch.setattr(run, "PIECE_BYTES", size)
    pages = [page(project, number, 3) for number, project in enumerate(["b", "a-b", "c", "a", "d", "c", "e", "e"])]
    arns = [one.project_arn for one in pages]
    made = list(run.pieces(iter(pages), arns))
    assert [one for piece, _ in made for one in piece] == pages
    for at, (_, settled) in enumerate(made):
        later = [one.project_arn for piece, _ in made[at + 1 :] for one in piece]
        versions = [arn.replace("/1", "/version/v/1") for arn in later]
        assert (settled is None) == (not later)
        assert all(arn >= settled for arn in versions)
    assert made[-1][1] is None


def test_no_pages_no_pieces():
    assert list(run.pieces(iter([]), [])) == []

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import landing
from pipeline.errors import LakeError, ScopeError
from pipeline.lake import LocalLake
from pipeline.model.page import RawPage, Scope

SCOPE = Scope("eu-west-1", "111122223333")
SEEN = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def page(number: int, body: bytes = b"{}") -> RawPage:
    return RawPage("DescribeProjectVersions", "arn:p", 1, number, 200, SEEN, f"id{number}", body)


def every_page(found: landing.LandedScope) -> list[RawPage]:
    pages = landing.Pages(found.path)
    return list(pages.at(range(len(pages.heads()))))


def test_pages_come_back_as_they_went_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(landing.writer, "ROW_GROUP_BYTES", 10)
    sent = [page(number, bytes([number]) * 4) for number in range(10)]
    with landing.land(LocalLake(tmp_path), "run", SCOPE) as writer:
        for raw in sent:
            writer.add(raw)
    (found,) = landing.landed_scopes(LocalLake(tmp_path), "run")
    assert (found.scope, found.run_id, found.complete) == (SCOPE, "run", True)
    assert every_page(found) == sent
    assert list(landing.Pages(found.path).at([2, 9])) == [sent[2], sent[9]]
    assert [head["page_number"] for head in landing.Pages(found.path).heads()] == list(range(10))
    metadata = pq.read_metadata(found.path)
    assert metadata.num_row_groups == 4
    assert metadata.row_group(0).column(9).compression == "ZSTD"


def test_only_row_groups_that_are_wanted_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(landing.writer, "ROW_GROUP_BYTES", 4)
    with landing.land(LocalLake(tmp_path), "run", SCOPE) as writer:
        for number in range(4):
            writer.add(page(number, b"12345"))
    read = []
    original = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, at, **o: read.append(at) or original(self, at, **o)
    )
    list(landing.Pages(landing.landed_scopes(LocalLake(tmp_path), "run")[0].path).at([2]))
    assert read == [2]


def test_pages_of_a_failed_listing_are_kept_and_marked(tmp_path: Path):
    def listing():
        yield page(1)
        raise ScopeError("no", kind="denied")

    with pytest.raises(ScopeError), landing.land(LocalLake(tmp_path), "run", SCOPE) as writer:
        for raw in listing():
            writer.add(raw)
    (found,) = landing.landed_scopes(LocalLake(tmp_path), "run")
    assert not found.complete
    assert len(every_page(found)) == 1


def test_a_scope_without_any_page_was_not_listed(tmp_path: Path):
    with landing.land(LocalLake(tmp_path), "run", SCOPE):
        pass
    (found,) = landing.landed_scopes(LocalLake(tmp_path), "run")
    assert not found.complete
    assert every_page(found) == []


def test_messages_say_what_there_is(tmp_path: Path):
    with pytest.raises(LakeError, match=r"no landed pages of run 'run'. No run has"):
        landing.landed_scopes(LocalLake(tmp_path), "run")
    with landing.land(LocalLake(tmp_path), "20260101", SCOPE):
        pass
    with pytest.raises(LakeError, match="newest first: 20260101"):
        landing.landed_scopes(LocalLake(tmp_path), "run")
    path = landing.landed_scopes(LocalLake(tmp_path), "20260101")[0].path
    path.write_bytes(b"PAR1 not")
    with pytest.raises(LakeError, match="cannot be read as landed pages"):
        landing.landed_scopes(LocalLake(tmp_path), "20260101")


def test_what_goes_wrong_while_a_row_group_is_written_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(landing.writer, "ROW_GROUP_BYTES", 1)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(landing.Writer, "_write", full)
    scope = Scope("eu-west-1", "111122223333")
    with (
        pytest.raises(OSError, match="no space left"),
        landing.land(LocalLake(tmp_path), "run", scope) as writer,
    ):
        writer.add(page(1))
    assert landing.scopes_of(LocalLake(tmp_path), "run") == []

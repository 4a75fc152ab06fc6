from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from pipeline import feed
from pipeline.feed import Arrived, Feed
from pipeline.model.page import RawPage

SEEN = datetime(2026, 1, 1, tzinfo=UTC)


def arrived(number: int, size: int = 1) -> Arrived:
    return Arrived(RawPage("DescribeProjects", "", 1, number, 200, SEEN, "id", b"x" * size), is_last=False)


def test_pages_come_out_as_they_went_in_until_the_end():
    pages = Feed()
    pages.open()
    pages.put(arrived(1))
    assert pages.read()
    pages.put(arrived(2))
    pages.end()
    assert list(pages) == [arrived(1), arrived(2)]


def test_a_reader_gets_pages_while_others_are_on_their_way():
    pages = Feed()
    pages.open()
    assert pages.read()
    taken = iter(pages)
    for number in range(3):
        pages.put(arrived(number))
        assert next(taken) == arrived(number)


def test_a_feed_that_was_not_opened_in_time_cannot_be_read():
    pages = Feed()
    pages.put(arrived(1))
    pages.open()
    assert not pages.read()


def test_without_a_reader_nobody_waits_and_what_is_too_much_is_let_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed, "HELD_BYTES", 10)
    pages = Feed()
    pages.open()
    for number in range(100):
        pages.put(arrived(number))
    assert not pages.read()
    assert pages._held == 0


def test_a_slow_reader_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed, "HELD_BYTES", 10)
    pages = Feed()
    pages.open()
    assert pages.read()
    most = 0

    def put_all() -> None:
        for number in range(50):
            pages.put(arrived(number, 4))
        pages.end()

    thread = threading.Thread(target=put_all)
    thread.start()
    taken = []
    for one in pages:
        most = max(most, pages._held)
        taken.append(one)
    thread.join()
    assert taken == [arrived(number, 4) for number in range(50)]
    assert most <= 10 + 4


def test_a_reader_that_goes_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed, "HELD_BYTES", 2)
    pages = Feed()
    pages.open()
    assert pages.read()
    thread = threading.Thread(target=lambda: [pages.put(arrived(number)) for number in range(9)])
    thread.start()
    pages.close()
    thread.join(10)
    assert not thread.is_alive()
    assert list(pages) == []

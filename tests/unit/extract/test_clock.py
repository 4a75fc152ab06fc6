"""How far the clock is off, and how findings are made of errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.extract import clock
from pipeline.model.finding import Level, parted

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "ahead"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", timedelta()),
        ("Tue, 24 Nov 2026 11:50:00 -0000", timedelta(minutes=10)),
        ("Tue, 24 Nov 2026 13:50:00 +0100", timedelta(minutes=-50)),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_the_date_of_an_answer_is_compared(monkeypatch: pytest.MonkeyPatch, header: str | None, ahead: timedelta):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    assert clock.skew({"HTTPHeaders": {"date": header}}) == ahead
    assert clock.skew({}) is None


@pytest.mark.parametrize(
    ("seconds", "level", "said"),
    [
        (0, Level.OK, "agrees"),
        (-30, Level.OK, "agrees"),
        (31, Level.WARN, "is 31 s ahead of AWS's"),
        (-240, Level.WARN, "is 240 s behind AWS's"),
        (241, Level.FAIL, "refuses signatures from 5 min on"),
        (-7200, Level.FAIL, "is 7,200 s behind AWS's"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off(seconds: int, level: Level, said: str):
    found = clock.finding(timedelta(seconds=seconds))
    assert found.level is level
    assert said in found.message
    assert bool(found.remedy) is (level is not Level.OK)


def test_without_a_date_the_clock_is_not_known():
    assert clock.finding(None).level is Level.WARN


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("It broke: a.b is not c. Fix it; then go on.", ("It broke: a.b is not c", "Fix it; then go on")),
        ("One. Two. Three.", ("One. Two", "Three")),
        ("Only this.", ("Only this", "")),
        ("", ("", "")),
    ],
)
def test_the_last_sentence_of_an_error_is_its_remedy(text: str, details: tuple[str, str]):
    assert parted(text) == details

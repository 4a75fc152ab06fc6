from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.cli.units import duration, instant
from pipeline.errors import UsageError
from pipeline.jobs.units import size, span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        (" 12h ", timedelta(hours=12)),
        ("0d", timedelta(0)),
        ("8w", timedelta(weeks=8)),
    ],
)
def test_durations(text: str, expected: timedelta):
    assert duration(text, "--older-than") == expected


@pytest.mark.parametrize("text", ["", "12", "d", "-1d", "1.5h", "1y", "9999999d", "1d 2h"])
def test_what_is_no_duration_is_refused_with_the_option(text: str):
    with pytest.raises(UsageError, match=r"--older-than .*: give a number with its unit, such as 12h"):
        duration(text, "--older-than")


def test_moments_are_utc_unless_they_say_otherwise():
    assert instant("2026-11-01", "--since") == datetime(2026, 11, 1, tzinfo=UTC)
    assert instant("2026-11-01T10:00:00+02:00", "--since") == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert instant("2026-11-01T10:00:00Z", "--since") == datetime(2026, 11, 1, 10, tzinfo=UTC)


def test_an_age_counts_back_from_now():
    before = datetime.now(UTC)
    assert timedelta(days=7) <= before - instant("7d", "--since") + timedelta(seconds=60)
    assert instant("1h", "--since") < before


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_what_is_no_moment_is_refused_with_the_option(text: str):
    with pytest.raises(UsageError, match=r"--since .*: give a date or time such as"):
        instant(text, "--since")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (123, "2 min 3 s"),
        (3900, "1 h 5 min"),
        (3.6e6, "1,000 h 0 min"),
    ],
)
def test_a_span_is_shown_in_two_units_at_most(seconds: float, text: str):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1536, "1.5 KiB"),
        (82_678_120_448, "77.0 GiB"),
        (5 * 2**50, "5,120.0 TiB"),
    ],
)
def test_a_size_is_shown_in_its_largest_unit(count: int, text: str):
    assert size(count) == text

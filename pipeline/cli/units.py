"""Instants, durations, sizes and counts as people type and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import UsageError

_DURATION = re.compile(r"(?P<count>\d{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SIZES = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}


def duration(text: str, option: str) -> timedelta:
    """Parse 90s, 15m, 12h, 30d or 8w; UsageError, which names the option, for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{option} {text}: give a number with its unit, such as 12h, 30d or 8w.")
    return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})


def instant(text: str, option: str) -> datetime:
    """Parse a date or time (ISO 8601, UTC unless it has an offset) or an age (7d); UsageError names the option."""
    if _DURATION.fullmatch(text.strip()):
        return datetime.now(UTC) - duration(text, option)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{option} {text}: give a date or time such as 2026-11-01, or an age such as 7d.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def span(seconds: float) -> str:
    """Return a duration in at most two units: 45 s, 2 min 3 s, 1 h 5 min."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def size(count: int) -> str:
    """Return a number of bytes in its largest unit: 512 bytes, 1.5 KiB, 77.0 GiB."""
    for unit, unit_bytes in _SIZES.items():
        if count >= unit_bytes:
            return f"{count / unit_bytes:,.1f} {unit}"
    return counted(count, "byte")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 scope, 1,200 scopes."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

"""Instants and durations as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import UsageError

_DURATION = re.compile(r"(?P<count>\d{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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

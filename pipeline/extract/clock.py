"""Is this machine's clock right? Told from the Date of AWS's answers, as AWS refuses signatures of another time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.model.finding import Finding, Level

SIGNATURES_LAST = timedelta(minutes=5)
"""A signature may be so much older or younger than AWS's clock (Signature Version 4)."""
FAIL_ABOVE, WARN_ABOVE = timedelta(minutes=4), timedelta(seconds=30)
_REMEDY = "set the clock by NTP: `timedatectl set-ntp true`, or the like"


def now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


def skew(metadata: Mapping[str, Any]) -> timedelta | None:
    """Return by how much this machine is ahead, given an answer's ResponseMetadata; None if that has no date."""
    try:
        said = parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
    except (LookupError, TypeError, ValueError):
        return None
    return now() - (said if said.tzinfo else said.replace(tzinfo=UTC))


def judged(ahead: timedelta | None) -> Finding:
    """Say how the clock is."""
    if ahead is None:
        return Finding(Level.WARN, "clock", "not known: no answer came that has a date")
    if abs(ahead) <= WARN_ABOVE:
        return Finding(Level.OK, "clock", f"agrees with AWS's to {WARN_ABOVE.seconds} s")
    seconds = round(abs(ahead).total_seconds())
    said = f"is {seconds:,} s {'ahead of' if ahead > timedelta() else 'behind'} AWS's"
    if abs(ahead) <= FAIL_ABOVE:
        return Finding(Level.WARN, "clock", said, _REMEDY)
    minutes = SIGNATURES_LAST.seconds // 60
    return Finding(Level.FAIL, "clock", f"{said}; AWS refuses signatures from {minutes} min on", _REMEDY)

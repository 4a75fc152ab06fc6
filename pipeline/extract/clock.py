"""Whether this machine's clock is right, by the Date of AWS's answers: AWS refuses signatures of another time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.model.finding import Finding, fail, ok, warn

FAIL_ABOVE, WARN_ABOVE = timedelta(minutes=4), timedelta(seconds=30)
"""AWS refuses signatures that are 5 minutes off (Signature Version 4)."""
_REMEDY = "set the clock by NTP: `timedatectl set-ntp true`, or the like"


def now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


def skew(metadata: Mapping[str, Any]) -> timedelta | None:
    """Return by how much this machine is ahead, given an answer's ResponseMetadata; None if that has no date."""
    try:
        date = parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
    except (LookupError, TypeError, ValueError):
        return None
    return now() - (date if date.tzinfo else date.replace(tzinfo=UTC))


def finding(ahead: timedelta | None) -> Finding:
    """Judge the clock by how much it is ahead of AWS's (None: not known)."""
    if ahead is None:
        return warn("clock", "not known: no answer came that has a date")
    if abs(ahead) <= WARN_ABOVE:
        return ok("clock", f"agrees with AWS's to {WARN_ABOVE.seconds} s")
    seconds = round(abs(ahead).total_seconds())
    message = f"is {seconds:,} s {'ahead of' if ahead > timedelta() else 'behind'} AWS's"
    if abs(ahead) <= FAIL_ABOVE:
        return warn("clock", message, _REMEDY)
    return fail("clock", f"{message}; AWS refuses signatures from 5 min on", _REMEDY)

"""What `doctor` finds: what was checked, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was checked: how it is, and what to do about it (empty if nothing)."""

    level: Level
    subject: str
    message: str
    remedy: str = ""


def ok(subject: str, message: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(Level.OK, subject, message)


def warn(subject: str, message: str, remedy: str = "") -> Finding:
    """Return the finding of something that does not stop a sync."""
    return Finding(Level.WARN, subject, message, remedy)


def fail(subject: str, message: str, remedy: str = "") -> Finding:
    """Return the finding of something that has to be fixed."""
    return Finding(Level.FAIL, subject, message, remedy)


def parted(text: str) -> tuple[str, str]:
    """Part an error's text into what happened and the remedy, its last sentence; "" if there is only one sentence."""
    message, stop, remedy = text.strip().rpartition(". ")
    return (message, remedy.removesuffix(".")) if stop else (remedy.removesuffix("."), "")

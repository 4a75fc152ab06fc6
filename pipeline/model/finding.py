"""What an examination finds: one thing looked at, how it is, and what to do about it."""

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
    """One thing looked at: how it is, and what to do about it; nothing if it is well."""

    level: Level
    subject: str
    message: str
    mend: str = ""


def parted(text: str) -> tuple[str, str]:
    """Part an error's text into what happened and the mend, which is its last sentence; "" if it has only one."""
    said, stop, mend = text.strip().rpartition(". ")
    return (said, mend.removesuffix(".")) if stop else (mend.removesuffix("."), "")

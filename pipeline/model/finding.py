"""What an examination finds: what was checked, how it is, and what to do about it."""

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


def parted(text: str) -> tuple[str, str]:
    """Part an error's text into what happened and the remedy, its last sentence; "" if there is only one sentence."""
    message, stop, remedy = text.strip().rpartition(". ")
    return (message, remedy.removesuffix(".")) if stop else (remedy.removesuffix("."), "")

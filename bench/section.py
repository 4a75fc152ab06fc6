"""What a suite hands back: tables for readers, and the runs that they come from."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Section:
    """A part of the results. `runs` are the single measurements by name, `tables` are (columns, rows) of text."""

    title: str
    about: str = ""
    tables: list[tuple[list[str], list[list[str]]]] = field(default_factory=list)
    runs: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    """What a bench that is a script of its own printed."""


def median(taken: Iterable[dict[str, float]], what: str = "seconds") -> float:
    return statistics.median(one[what] for one in taken)


def spread(taken: Iterable[dict[str, float]], what: str = "seconds", digits: int = 2) -> str:
    """Return the median with the least and the most, `1.20 (1.15..1.31)`."""
    values = sorted(one[what] for one in taken)
    return f"{statistics.median(values):,.{digits}f} ({values[0]:,.{digits}f}..{values[-1]:,.{digits}f})"


def peak(taken: Iterable[dict[str, float]]) -> str:
    return f"{max(one['peak_mb'] for one in taken):,.0f}"

"""Durations, sizes and counts as people read them."""

from __future__ import annotations

_SIZES = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}


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

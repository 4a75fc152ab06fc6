"""The software under reklake: the installed versions against those that it is made for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata

from pipeline.lake.installed import software
from pipeline.model.finding import Finding, Level

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?(?P<range>[^;)]*)\)?\s*(?:;(?P<marker>.*))?"
)
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\Z")


def examine() -> Iterator[Finding]:
    """Yield what is found."""
    yield from judged(software(), declared())


def declared() -> dict[str, str]:
    """Return the range of versions that the package declares for each that it needs, python among them."""
    found = {"python": metadata.metadata("reklake")["Requires-Python"] or ""}
    for line in metadata.requires("reklake") or ():
        parts = _REQUIREMENT.match(line)
        if parts and "extra" not in (parts["marker"] or ""):
            found[parts["name"].lower()] = parts["range"].strip()
    return found


def judged(installed: Mapping[str, str], ranges: Mapping[str, str]) -> Iterator[Finding]:
    """Say which versions are there, and which of them are outside their range."""
    yield Finding(Level.OK, "versions", ", ".join(f"{name} {version}" for name, version in installed.items()))
    for name, version in installed.items():
        if not is_within(version, ranges.get(name, "")):
            wanted = ranges[name]
            mend = f"use Python {wanted}" if name == "python" else f'pip install "{name}{wanted}"'
            yield Finding(Level.WARN, "versions", f"{name} {version} is not {wanted}, which reklake is made for", mend)


def is_within(version: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `>=1.5,<2.1`.

    Releases only are compared, number by number: 2.1rc1 counts as 2.1. A bound of another form holds nothing up.
    """
    own = _release(version)
    for text in filter(None, (one.strip() for one in bounds.split(","))):
        bound = _BOUND.match(text)
        if bound is None:
            continue
        other = _release(bound[2])
        length = max(len(own), len(other))
        left, right = ((*one, *[0] * (length - len(one))) for one in (own, other))
        holds = {
            ">=": left >= right,
            "<=": left <= right,
            "==": left == right,
            "!=": left != right,
            "<": left < right,
            ">": left > right,
        }
        if not holds[bound[1]]:
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(one) for one in found[0].split(".")) if found else ()

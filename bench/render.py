"""Writes results into docs/performance.md, between the markers there; the rest of the page is written by people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def into(page: Path, results: Path) -> None:
    """Replace what stands between the markers by the results' tables. ValueError if the page has no markers."""
    text = page.read_text(encoding="utf-8")
    before, began, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (began and ended):
        raise ValueError(f"{page} has no {BEGIN} and {END}")
    written = "\n".join(lines(json.loads(results.read_text(encoding="utf-8"))))
    page.write_text(f"{before}{BEGIN}\n\n{written}\n{END}{after}", encoding="utf-8")


def lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables."""
    yield "### The machine\n"
    yield from table(["", ""], [[name, value] for name, value in results["machine"].items()])
    for section in results["sections"].values():
        yield from of(section)


def of(section: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one suite's results."""
    yield f"### {section['title']}\n"
    if section["about"]:
        yield f"{section['about']}\n"
    if "later" in section:
        yield f"Measured {section['later']}.\n"
    for columns, rows in section["tables"]:
        yield from table(columns, rows)
    if section["output"]:
        yield f"```text\n{section['output'].strip()}\n```\n"


def table(columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "|".join(" --- " for _ in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""

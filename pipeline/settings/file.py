"""reklake.toml: its settings with the line that each stands on, or an error that names file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings.keys import BY_NAME, SECTIONS, Key, unknown
from pipeline.settings.model import shown

_SYNTAX_ERROR = re.compile(r"(?P<problem>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")


def read(path: Path, *, required: bool) -> Iterator[tuple[Key, Any, str]]:
    """Yield each setting with its value and its place (`reklake.toml:3: aws.rate`).

    UsageError for a file that is required and missing, that is not TOML, or that has an unknown setting.
    """
    if not path.exists():
        if required:
            raise UsageError(f"{path}: no such file. Give --config an existing file, or omit it.")
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}.") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_ERROR.fullmatch(str(error))
        line = (found and found["line"]) or text.count("\n") + 1
        raise UsageError(f"{path}:{line}: cannot be read as TOML: {found['problem'] if found else error}.") from error
    for section, name, value in _settings(content):
        line = _line_of(section, name, text)
        where = f"{path}:{line}" if line else f"{path}"
        key = BY_NAME.get((section, name))
        if key is None and not section and name in SECTIONS:
            raise UsageError(f"{where}: {name} is {shown(value)}; it takes a table of settings, such as [{name}].")
        if key is None:
            raise UsageError(f"{where}: {unknown(section, name, is_table=not section and isinstance(value, dict))}")
        yield key, value, f"{where}: {key.full}"


def _settings(content: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield section ("" at the top level), name and value of each setting."""
    for name, value in content.items():
        if name in SECTIONS and isinstance(value, dict):
            for inner_name, inner in value.items():
                yield name, inner_name, inner
        else:
            yield "", name, value


def _line_of(section: str, name: str, text: str) -> int | None:
    """Return the first line, from 1, that sets the name or is its header, looking from the section's header on.

    None if it is written in a rarer way. tomllib does not tell lines, and a hint for people is not worth a parser.
    """
    header = re.search(rf"^\[{section}\]", text, re.MULTILINE) if section else None
    word = re.escape(name)
    setting = re.compile(rf"^(?:[^#\n]*(?<![\w-]){word}[\"']?[ \t]*=|\[+{word}\b)", re.MULTILINE)
    found = setting.search(text, header.end() if header else 0)
    return text.count("\n", 0, found.end()) + 1 if found else None

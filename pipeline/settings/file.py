"""reklake.toml: what it says, each value with its line, or the one error that names file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings.keys import BY_NAME, SECTIONS, Key, unknown
from pipeline.settings.model import shown

_WHERE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


def read(path: Path, *, required: bool) -> Iterator[tuple[Key, Any, str]]:
    """Yield each setting with its value and where it stands (`reklake.toml:3: aws.rate`); UsageError if it is none."""
    if not path.exists():
        if required:
            raise UsageError(f"{path}: no such file. Give --config an existing file, or leave it out.")
        return
    import tomllib

    from pipeline.settings.positions import lines

    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}.") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _WHERE.search(str(error))
        line = at[1] if at and at[1] else text.count("\n") + 1
        raise UsageError(f"{path}:{line}: cannot be read as TOML: {_WHERE.sub('', str(error))}.") from error
    stands = lines(text.replace("\r\n", "\n"))
    for section, name, value in _flat(content):
        full = f"{section}.{name}".lstrip(".")
        line_at = stands.get((section, name) if section else (name,)) or stands.get((section,))
        where = f"{path}:{line_at}" if line_at else f"{path}"
        key = BY_NAME.get((section, name))
        if key is None and not section and name in SECTIONS:
            raise UsageError(f"{where}: {name} is {shown(value)}; it takes a table of settings, such as [{name}].")
        if key is None:
            raise UsageError(f"{where}: {unknown(section, name, is_table=not section and isinstance(value, dict))}")
        yield key, value, f"{where}: {full}"


def _flat(content: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, value in content.items():
        if name in SECTIONS and isinstance(value, dict):
            for inner_name, inner in value.items():
                yield name, inner_name, inner
        else:
            yield "", name, value

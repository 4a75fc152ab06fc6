"""The line on which each key of a TOML text stands, which tomllib does not tell.

For texts that tomllib has accepted: it follows their structure, and interprets no value.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]

_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_STRING = re.compile(r"""\"{3}(?:[^\\]|\\.)*?\"{3,}|'{3}.*?'{3,}|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'""", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\r\n]*")


def lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, on which each key and table first stands; what cannot be followed is left out."""
    finder = _Finder(text)
    with suppress(_LostError):  # a form of TOML that is not known here: the lines found so far are right all the same
        finder.document()
    return {path: text.count("\n", 0, at) + 1 for path, at in finder.found.items()}


class _LostError(Exception):
    """The text is not what was expected."""


class _Finder:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._at = 0

    def document(self) -> None:
        table: Path = ()
        while self._pass(_BETWEEN) < len(self._text):
            start = self._at
            if self._takes("["):
                is_array = self._takes("[")
                table = self._key()
                self._need("]]" if is_array else "]")
                self._note(table, start)
            else:
                self._pair(table)

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table + self._key()
        self._note(path, start)
        self._need("=")
        self._value(path)

    def _value(self, path: Path | None) -> None:
        """Pass a value; the keys of its inline tables are noted, unless they are in an array (path None)."""
        self._pass(_BLANK)
        if self._takes("["):
            self._items("]", path=None)
        elif self._takes("{"):
            self._items("}", path=path)
        elif string := _STRING.match(self._text, self._at):
            self._at = string.end()
        else:
            self._pass(_PLAIN)

    def _items(self, closing: str, path: Path | None) -> None:
        while True:
            self._pass(_BETWEEN)
            if self._takes(closing):
                return
            if closing == "}":
                if path is None:
                    self._key()
                    self._need("=")
                    self._value(None)
                else:
                    self._pair(path)
            else:
                self._value(None)
            self._pass(_BETWEEN)
            if not self._takes(",") and not self._text.startswith(closing, self._at):
                raise _LostError

    def _key(self) -> Path:
        parts = []
        while True:
            self._pass(_BLANK)
            part = _KEY_PART.match(self._text, self._at)
            if not part:
                raise _LostError
            self._at = part.end()
            parts.append(_unquoted(part[0]))
            self._pass(_BLANK)
            if not self._takes("."):
                return tuple(parts)

    def _note(self, path: Path, at: int) -> None:
        self.found.setdefault(path, at)

    def _pass(self, pattern: re.Pattern[str]) -> int:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()
        return self._at

    def _takes(self, word: str) -> bool:
        is_there = self._text.startswith(word, self._at)
        self._at += len(word) if is_there else 0
        return is_there

    def _need(self, word: str) -> None:
        self._pass(_BLANK)
        if not self._takes(word):
            raise _LostError


def _unquoted(part: str) -> str:
    if part[0] in "\"'":
        return str(tomllib.loads(f"key = {part}")["key"])
    return part

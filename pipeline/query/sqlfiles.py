"""The SQL files of sql/: their header comments as data, and the order in which their views can be created."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pipeline.errors import LakeError

ON_DEMAND = "on demand"
"""The `when` of a check that only runs when asked for. The others run after each sync too."""
CACHE_FOOTERS = "set parquet_metadata_cache = true"
"""Read the footer of each Parquet file once, not at each mention in a view. Files never change."""

_FIELD = re.compile(r"^-- (?P<name>grain|severity|when|columns):\s*(?P<text>.*)$")
_COLUMN = re.compile(r"^--   (?P<name>\w+): (?P<text>\S.*)$")
_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_MENTION = re.compile(r"\b(?P<name>main\.\w+)\b")
_VALUE = re.compile(r"\$(?P<name>[a-z_]+)")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """An SQL file: a single select, and its header.

    The header is the leading `--` lines: a description, then `grain: ...` and `columns:` with a line `name: sentence`
    per column (a line indented further continues the sentence above it). A check has `severity: error` or
    `severity: warn` instead, and `when: on demand` if every writer ensures what it checks, so that a sync need not.
    """

    folder: str
    name: str
    description: str
    grain: str
    severity: str
    when: str
    columns: Mapping[str, str]
    body: str

    @property
    def view(self) -> str:
        """The view's name with its schema, as other files mention it."""
        return f"main.{self.name}"

    @property
    def mentions(self) -> frozenset[str]:
        """Every `main.x` that the statement names."""
        return frozenset(_MENTION.findall(_COMMENT.sub("", self.body)))

    def statement(self, values: Mapping[str, str]) -> str:
        """Return the select with each `$name` replaced by its SQL from `values`: a view cannot have parameters.

        Raises LakeError if a value is missing.
        """
        missing = sorted(set(_VALUE.findall(self.body)) - set(values))
        if missing:
            raise LakeError(f"sql/{self.folder}/{self.name}.sql: no value is given for ${missing[0]}")
        return _VALUE.sub(lambda match: values[match["name"]], self.body)


def root() -> Path:
    """Return the folder of SQL files, inside the installed package or beside it in a checkout; LakeError if none is."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "marts").is_dir():
            return folder
    raise LakeError(f"{package}: the sql folder is missing from this installation; install reklake again")


def read(folder: str, *, under: Path | None = None) -> tuple[SqlFile, ...]:
    """Return the files of `views`, `marts` or `checks`, by name."""
    paths = sorted(((under or root()) / folder).glob("*.sql"))
    return tuple(parse(path.read_text(encoding="utf-8"), folder, path.stem) for path in paths)


def parse(text: str, folder: str, name: str) -> SqlFile:
    """Return a file's header and statement; LakeError if it has no description or no statement."""
    lines = text.splitlines()
    header = 0
    while header < len(lines) and lines[header].startswith("--"):
        header += 1
    body = "\n".join(lines[header:]).strip().rstrip(";").rstrip()
    fields, columns = _header(lines[:header])
    if not fields["description"] or not body:
        raise LakeError(f"sql/{folder}/{name}.sql: the file needs a header comment and one select")
    return SqlFile(
        folder=folder,
        name=name,
        description=fields["description"],
        grain=fields["grain"],
        severity=fields["severity"],
        when=fields["when"],
        columns=columns,
        body=body,
    )


def in_order(files: Iterable[SqlFile]) -> tuple[SqlFile, ...]:
    """Return the files so that each comes after those whose views it names; LakeError if they form a circle."""
    by_view = {file.view: file for file in files}
    uses = {view: file.mentions & by_view.keys() for view, file in by_view.items()}
    try:
        return tuple(by_view[view] for view in TopologicalSorter(uses).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise LakeError(f"these views use each other in a circle, so none can be first: {circle}") from error


def literal(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _header(lines: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    fields = {"description": "", "grain": "", "severity": "", "when": ""}
    columns: dict[str, str] = {}
    section, column = "description", ""
    for line in lines:
        if field := _FIELD.match(line):
            section, column = field["name"], ""
            fields[section] = field["text"].strip()
        elif section == "columns" and (entry := _COLUMN.match(line)):
            column = entry["name"]
            columns[column] = entry["text"].strip()
        elif section == "columns" and column:
            columns[column] = f"{columns[column]} {line.removeprefix('--').strip()}"
        else:
            fields[section] = f"{fields[section]} {line.removeprefix('--').strip()}".strip()
    fields.pop("columns", None)
    return fields, columns

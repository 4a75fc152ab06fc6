"""The files of sql/: their header comments as data, and the order in which their views can be created."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pipeline.errors import LakeError

ON_DEMAND = "on demand"
"""When a check is run: only if somebody asks for it; the others run after each sync too."""

_FIELD = re.compile(r"^-- (?P<name>grain|severity|when|columns):\s*(?P<text>.*)$")
_COLUMN = re.compile(r"^--   (?P<name>\w+): (?P<text>\S.*)$")
_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_MENTION = re.compile(r"\b(?P<name>main\.\w+)\b")
_VALUE = re.compile(r"\$(?P<name>[a-z_]+)")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file: a single select, and what its header says of it.

    The header is the leading run of `--` lines: a description, then `grain: ...` and `columns:` with one
    `name: sentence` a line (a line indented further goes on with the sentence above it); a check has
    `severity: error` or `severity: warn` in their place, and `when: on demand` if it asks what every writer makes
    sure of by itself, so that a sync need not ask.
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
        """Return the select with each `$name` replaced by its SQL literal; a view cannot hold parameters.

        Raises LakeError when the file asks for a value that is not given.
        """
        missing = sorted(set(_VALUE.findall(self.body)) - set(values))
        if missing:
            raise LakeError(f"sql/{self.folder}/{self.name}.sql: no value is given for ${missing[0]}")
        return _VALUE.sub(lambda match: values[match["name"]], self.body)


def root() -> Path:
    """Return the folder of SQL files: inside the installed package, or beside it in a checkout.

    Raises LakeError when neither is there.
    """
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
    """Return one file's header and statement.

    Raises LakeError when the file has no description or holds no statement.
    """
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
    """Return the files so that each stands after those whose views it names.

    Raises LakeError, naming the files in turn, when they use each other in a circle.
    """
    by_view = {file.view: file for file in files}
    uses = {view: file.mentions & by_view.keys() for view, file in by_view.items()}
    try:
        return tuple(by_view[view] for view in TopologicalSorter(uses).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise LakeError(f"these views use each other in a circle, so none can be first: {circle}") from error


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

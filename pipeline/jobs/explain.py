"""Where the rows of one resource come from: its run, landed pages and description, and every state that was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import landing
from pipeline.errors import LakeError, UsageError
from pipeline.flatten import flatten, flatten_detail
from pipeline.flatten.rebuild import decode, described
from pipeline.jobs.landed_pages import LandedPages
from pipeline.lake import open_lake, snapshot
from pipeline.lake.snapshot import REMEDY, Snapshot, Source
from pipeline.landing.files import file_name
from pipeline.load.sorted_file import in_schema
from pipeline.model import TABLES, VALID_FROM, VALID_TO, Table, history_of, table, with_validity
from pipeline.model.arn import name_prefix, resource_type
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import RawPage, Scope
from pipeline.settings import Settings

Row = dict[str, Any]


class Status(StrEnum):
    """What the published snapshot knows of the resource."""

    PRESENT = "present"
    GONE = "gone"
    UNKNOWN = "unknown"
    """No sync has seen it."""


@dataclass(frozen=True, slots=True)
class PageFound:
    """A landed page that the resource stands on: its file in the lake, and the description as it came."""

    file: str
    run_id: str
    operation: str
    page_number: int
    observed_at: datetime
    request_id: str
    description: Any


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of one table about the resource, in the declared columns.

    `published` are those of the snapshot, `flattened` those that the landed pages give now (None if the lake has no
    such pages). `states` are all that syncs have seen, oldest first, with `valid_from` and `valid_to`.
    """

    table: str
    published: list[Row]
    flattened: list[Row] | None
    states: list[Row]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the lake knows of one resource. `source` is None if its scope was never listed to its end.

    `missing` says of each landed file that cannot be read why, a sentence each.
    """

    arn: str
    kind: str
    scope: Scope
    snapshot: str
    source: Source | None
    pages: list[PageFound] = field(default_factory=list)
    tables: list[TableRows] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """Whether it is there, was there, or was never seen."""
        if any(rows.published for rows in self.tables):
            return Status.PRESENT
        return Status.GONE if self.gone_since else Status.UNKNOWN

    @property
    def gone_since(self) -> datetime | None:
        """When a sync first missed it; None if it is there, or was never seen."""
        ends = [state[VALID_TO.name] for rows in self.tables for state in rows.states]
        return None if None in ends else max(ends, default=None)


def explain(settings: Settings, arn: str) -> Explanation:
    """Find what the lake knows of a project, dataset or model version.

    UsageError if the ARN is of another form; LakeError if nothing was published, or a published file cannot be read.
    """
    kind = resource_type(arn)
    fields = arn.split(":")
    if kind is None or fields[0] != "arn" or fields[2:3] != ["rekognition"]:
        raise UsageError(f"{arn}: is not the ARN of a project, dataset or model version. `reklake sql` finds theirs.")
    scope = Scope(region=fields[3], account_id=fields[4])
    lake = open_lake(settings.lake, settings.aws.profile)
    published = snapshot.current(lake)
    source = published.sources.get(scope)
    found = Explanation(arn, kind, scope, published.id, source)
    flattened: dict[str, list[Row]] = {}
    for operation, run_id in _listings(kind, source):
        try:
            landed = LandedPages(landing.scope_file(lake, run_id, scope))
            pages = list(_pages_about(landed, operation, arn))
        except LakeError as error:
            found.missing.append(str(error))
            continue
        for page, description in pages:
            at = page.page_number, page.observed_at, page.request_id
            found.pages.append(PageFound(file_name(run_id, scope), run_id, operation, *at, description))
        flattened |= _flattened(operation, scope, [page for page, _ in pages], landed, arn)
    for declared in TABLES:
        now = _read(published, with_validity(declared), arn)
        ended = _read(published, history_of(declared), arn, history=True)
        states = sorted([*ended, *({**row, VALID_TO.name: None} for row in now)], key=lambda row: row[VALID_FROM.name])
        rows = [{name: row[name] for name in declared.names} for row in now]
        if states or flattened.get(declared.name):
            found.tables.append(TableRows(declared.name, rows, flattened.get(declared.name), states))
    return found


def _listings(kind: str, source: Source | None) -> Iterator[tuple[str, str]]:
    """Yield the operations that tell of such a resource, each with the run whose pages the rows come from."""
    if source:
        yield DESCRIBE_PROJECT_VERSIONS if kind == "model version" else DESCRIBE_PROJECTS, source.run_id
        for detail, detail_source in source.details.items():
            yield DETAILS[detail], detail_source.run_id


def _pages_about(landed: LandedPages, operation: str, arn: str) -> Iterator[tuple[RawPage, Any]]:
    """Yield the pages that count and have the resource on them, each with its description."""
    if operation in DETAILS.values():
        yield from ((page, decode(page.body)) for page in landed.of(operation) if page.resource_arn == arn)
        return
    projects = None
    if operation == DESCRIBE_PROJECT_VERSIONS:  # a version's ARN tells its project's name, not the project's ARN
        prefix = "".join(f"{segment}/" for segment in arn.split("/")[:2])
        projects = [project for project in landed.version_pages() if name_prefix(project) == prefix]
    for page in landed.of(operation, projects):
        for key, description in described(page):
            if key == (arn,):
                yield page, description
            elif key and isinstance(datasets := description.get("Datasets"), list):
                for dataset in datasets:
                    if isinstance(dataset, dict) and dataset.get("DatasetArn") == arn:
                        yield page, dataset


def _flattened(
    operation: str, scope: Scope, pages: list[RawPage], landed: LandedPages, arn: str
) -> dict[str, list[Row]]:
    """Flatten the pages as a sync does now, and return the rows about the resource by table."""
    if operation in DETAILS.values():
        flat = flatten_detail(operation, scope, pages)
    else:
        flat = flatten(operation, scope, pages, deleted=landed.effective.deleted)
    return {
        name: rows.filter(pc.equal(rows.column(table(name).key[0]), arn)).to_pylist()
        for name, rows in flat.tables.items()
    }


def _read(published: Snapshot, declared: Table, arn: str, *, history: bool = False) -> list[Row]:
    """Return the rows about the resource: its own, or those nested in its description."""
    if not published.has(declared.name):
        return []
    path = published.file(declared.name, history=history)
    try:
        rows = pq.read_table(path, filters=[(declared.key[0], "=", arn)])
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: cannot be read: {error}; {REMEDY}.") from error
    found: list[Row] = in_schema(rows, declared.schema).to_pylist()
    return found

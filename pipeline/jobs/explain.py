"""Where a row comes from: its scope, run, landed page and description, the row as it is flattened now, its states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import landing
from pipeline.errors import LakeError, UsageError
from pipeline.flatten import Flat, flatten, flatten_detail
from pipeline.flatten.rebuild import described
from pipeline.jobs.landed_pages import LandedPages
from pipeline.lake import Lake, open_lake, snapshot
from pipeline.lake.snapshot import Snapshot, Source
from pipeline.model import TABLES, VALID_FROM, VALID_TO, Table, table
from pipeline.model.arn import name_prefix, resource_type
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import RawPage, Scope
from pipeline.settings import Settings

REGION, ACCOUNT = 3, 4
"""Which fields of an ARN between colons, 0-based, name the region and the account."""
FIELDS = 6
LISTING_OF = {"project": DESCRIBE_PROJECTS, "dataset": DESCRIBE_PROJECTS, "model version": DESCRIBE_PROJECT_VERSIONS}


@dataclass(frozen=True, slots=True)
class PageFound:
    """A landed page that has the resource on it: where it is, and the description as it came."""

    file: Path
    run_id: str
    operation: str
    page_number: int
    observed_at: datetime
    request_id: str
    description: Any


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of one table about the resource.

    `published` are those of the snapshot, `flattened` what its landed pages give now, both in the declared columns.
    `states` are all that syncs have seen, oldest first, with `valid_from` and `valid_to`.
    """

    table: str
    published: list[dict[str, Any]]
    flattened: list[dict[str, Any]]
    states: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the lake knows of one resource. `gone_since` is when a sync first missed it; None if it is there.

    `source` says where the scope's rows come from, None if the scope was never listed to its end.
    """

    arn: str
    kind: str
    scope: Scope
    snapshot: str
    source: Source | None
    pages: list[PageFound] = field(default_factory=list)
    tables: list[TableRows] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Landed files that are not there any more, or cannot be read, a sentence each."""

    @property
    def is_there(self) -> bool:
        """Whether the published snapshot has a row of it."""
        return any(rows.published for rows in self.tables)

    @property
    def gone_since(self) -> datetime | None:
        """When a sync first missed it; None if it is there, or was never seen."""
        ends: list[datetime] = [state[VALID_TO.name] for rows in self.tables for state in rows.states]
        return None if self.is_there or not ends else max(ends)


def explain(settings: Settings, arn: str) -> Explanation:
    """Find what the lake knows of a project, dataset or model version.

    UsageError if the ARN is of another form; LakeError if there is no snapshot, or a file of it cannot be read.
    """
    kind = resource_type(arn)
    fields = arn.split(":")
    if kind is None or len(fields) < FIELDS:
        raise UsageError(f"{arn}: is not the ARN of a project, a dataset or a model version.")
    lake = open_lake(settings.lake, settings.aws.profile)
    published = snapshot.current(lake)
    scope = Scope(fields[REGION], fields[ACCOUNT])
    source = published.sources.get(scope)
    found = Explanation(arn, kind, scope, published.id, source)
    flattened: dict[str, list[dict[str, Any]]] = {}
    for operation, run_id in _landed_in(kind, source):
        try:
            pages = _pages(lake, scope, arn, kind, operation, run_id)
        except LakeError as error:
            found.missing.append(str(error))
            continue
        found.pages.extend(_found(page, run_id, scope, arn, lake) for page in pages)
        flat = _flatten(operation, scope, pages)
        flattened |= {name: _about(rows, arn, name) for name, rows in flat.tables.items()}
    for declared in TABLES:
        now, ended = (_read(published, declared, arn, history=is_history) for is_history in (False, True))
        rows = [{name: row[name] for name in declared.names} for row in now]
        states = ended + [{**row, VALID_TO.name: None} for row in now]
        states.sort(key=lambda state: state[VALID_FROM.name])
        if states or flattened.get(declared.name):
            found.tables.append(TableRows(declared.name, rows, flattened.get(declared.name, []), states))
    return found


def _landed_in(kind: str, source: Source | None) -> Iterator[tuple[str, str]]:
    """Yield the operations that tell of such a resource, each with the run whose pages the rows come from."""
    if source:
        yield LISTING_OF[kind], source.run_id
        for detail, of in source.details.items():
            yield DETAILS[detail], of.run_id


def _pages(lake: Lake, scope: Scope, arn: str, kind: str, operation: str, run_id: str) -> list[RawPage]:
    """Return the pages that count with the resource on them."""
    pages = LandedPages(landing.scope_file(lake, run_id, scope))
    if operation in DETAILS.values():
        return [page for page in pages.of(operation) if page.resource_arn == arn]
    if operation == DESCRIBE_PROJECT_VERSIONS:
        base = arn.partition("/version/")[0] + "/"
        projects = [project for project in pages.version_pages() if name_prefix(project) == base]
        listed = pages.of(operation, projects)
    else:
        listed = pages.of(operation)
    return [page for page in listed if _description(page, arn, kind) is not None]


def _description(page: RawPage, arn: str, kind: str) -> Any:
    """Return the description of the resource on a page of a listing; None if it is not there."""
    for key, description in described(page):
        if key == (arn,):
            return description
        if kind == "dataset" and isinstance(description, dict):
            for dataset in description.get("Datasets") or ():
                if isinstance(dataset, dict) and dataset.get("DatasetArn") == arn:
                    return dataset
    return None


def _found(page: RawPage, run_id: str, scope: Scope, arn: str, lake: Lake) -> PageFound:
    is_detail = page.operation in DETAILS.values()
    description = json.loads(page.body) if is_detail else _description(page, arn, resource_type(arn) or "")
    return PageFound(
        landing.scope_file(lake, run_id, scope).path,
        run_id,
        page.operation,
        page.page_number,
        page.observed_at,
        page.request_id,
        description,
    )


def _flatten(operation: str, scope: Scope, pages: list[RawPage]) -> Flat:
    return (flatten_detail if operation in DETAILS.values() else flatten)(operation, scope, pages)


def _about(rows: pa.Table, arn: str, name: str) -> list[dict[str, Any]]:
    """Return the rows about the resource: its own, or those nested in its description."""
    found: list[dict[str, Any]] = rows.filter(pc.equal(rows.column(table(name).key[0]), arn)).to_pylist()
    return found


def _read(published: Snapshot, declared: Table, arn: str, *, history: bool) -> list[dict[str, Any]]:
    if not published.has(declared.name):
        return []
    path = published.file(declared.name, history=history)
    try:
        rows: list[dict[str, Any]] = pq.read_table(path, filters=[(declared.key[0], "=", arn)]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: cannot be read: {error}. Run `reklake doctor`.") from error
    return rows

"""Compares the published tables with the landed pages that they were made from, description by description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from pipeline import landing
from pipeline.errors import LakeError
from pipeline.flatten.rebuild import Key, described, differences, rebuild, tables_of
from pipeline.jobs.add_scope import batches
from pipeline.jobs.landed_pages import LandedPages
from pipeline.lake import Lake, snapshot
from pipeline.lake.snapshot import REMEDY, Snapshot
from pipeline.landing import LandedScope
from pipeline.load.sorted_file import in_schema
from pipeline.model import Table, table, tables_of_detail
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import RawPage

RESOURCES = ("projects", "datasets", "project_versions")
"""The tables of the resources that details are about."""


@dataclass(slots=True)
class Report:
    """What was compared, and a sentence for every difference.

    `is_whole` says whether all rows of the scope being compared came from its pages.
    """

    pages: int = 0
    descriptions: int = 0
    is_whole: bool = True
    differences: list[str] = field(default_factory=list)


def verify(lake: Lake) -> Report:
    """Compare everything that is published; LakeError if nothing is, or a landed or published file is missing."""
    published = snapshot.current(lake)
    report = Report()
    for scope, source in published.sources.items():
        report.is_whole = source.whole
        landed = landing.scope_file(lake, source.run_id, scope)
        _verify_scope(published, landed, report)
        for detail in DETAILS:
            origin = source.details.get(detail)
            report.is_whole = origin is None or origin.whole
            if origin and origin.run_id != landed.run_id:
                _verify_detail(published, landing.scope_file(lake, origin.run_id, scope), detail, report)
            elif all(published.has(declared.name) for declared in tables_of_detail(detail)):
                _verify_detail(published, landed, detail, report, was_listed=origin is not None)
    return report


def _verify_scope(published: Snapshot, landed: LandedScope, report: Report) -> None:
    pages = LandedPages(landed)
    rows = _rows(published, landed, DESCRIBE_PROJECTS)
    _compare(DESCRIBE_PROJECTS, landed, pages.of(DESCRIBE_PROJECTS), rows, pages.effective.deleted, report)
    existing = [row["project_arn"] for row in rows["projects"]]
    for batch in batches(existing, pages.version_pages()):
        rows = _rows(published, landed, DESCRIBE_PROJECT_VERSIONS, batch.projects)
        listed = pages.of(DESCRIBE_PROJECT_VERSIONS, batch.projects)
        _compare(DESCRIBE_PROJECT_VERSIONS, landed, listed, rows, frozenset(), report)


def _verify_detail(
    published: Snapshot, landed: LandedScope, detail: str, report: Report, *, was_listed: bool = True
) -> None:
    """Compare a detail's rows about existing resources with the pages that they came from.

    Those may be pages of an earlier run than the scope's. If the detail was never listed, there should be no rows.
    """
    operation = DETAILS[detail]
    existing = {
        arn
        for name in RESOURCES
        for arn in _read(published, landed, table(name)).column(table(name).key[0]).to_pylist()
    }
    pages = LandedPages(landed).of(operation) if was_listed else []
    about_existing = [page for page in pages if page.resource_arn in existing]
    _compare(operation, landed, about_existing, _rows(published, landed, operation), frozenset(), report)


def _rows(
    published: Snapshot, landed: LandedScope, operation: str, project_arns: Sequence[str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    root, nested = tables_of(operation)
    return {declared.name: _read(published, landed, declared, project_arns).to_pylist() for declared in (root, *nested)}


def _read(
    published: Snapshot, landed: LandedScope, declared: Table, project_arns: Sequence[str] | None = None
) -> pa.Table:
    """Return the scope's rows of a table, of all projects or of some, in the declared columns."""
    if not published.has(declared.name):
        return declared.schema.empty_table()
    wanted = (ds.field("account_id") == landed.scope.account_id) & (ds.field("region") == landed.scope.region)
    if project_arns is not None:
        wanted &= ds.field("project_arn").isin(pa.array(project_arns, pa.string()))
    try:
        rows = ds.dataset(published.file(declared.name), format="parquet").to_table(filter=wanted)
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{published.lake}: snapshot {published.id}: cannot be read: {error}; {REMEDY}.") from error
    return in_schema(rows, declared.schema)


def _compare(
    operation: str,
    landed: LandedScope,
    pages: list[RawPage],
    rows: dict[str, list[dict[str, Any]]],
    deleted: frozenset[str],
    report: Report,
) -> None:
    """Compare the descriptions on the pages with those of the rows. If one is on two pages, the later counts."""
    root = tables_of(operation)[0]
    tabled = {tuple(row[name] for name in root.key) for row in rows[root.name]}
    rebuilt = rebuild(operation, rows)
    listed: dict[Key, tuple[str, Any]] = {}
    for page in sorted(pages, key=lambda page: (page.resource_arn or page.project_arn, page.page_number)):
        report.pages += 1
        where = page.describe(landed.scope)
        for key, description in described(page):
            if key is None:
                report.differences.append(f"{where}: {description}")
            elif key[0] not in deleted:
                listed[key] = where, description
    report.descriptions += len(listed)
    for key, (where, description) in listed.items():
        if key in tabled:
            try:
                different = differences(operation, description, rebuilt[key])
            except RecursionError:
                different = ["is nested too deeply to be compared"]
            report.differences.extend(f"{where}: {_named(key)}: {difference}" for difference in different)
        elif report.is_whole or operation not in DETAILS.values():
            report.differences.append(f"{where}: {_named(key)} is not in the tables")
    if report.is_whole:
        report.differences.extend(
            f"{landed.scope}: {_named(key)} is in the tables, but on no page" for key in rebuilt.keys() - listed.keys()
        )


def _named(key: Key) -> str:
    return ", ".join(key)

"""Compare the published tables with the landed pages that their rows came on, description by description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from pipeline import landing
from pipeline.flatten.listings import Counting, PageHead, counting
from pipeline.landing import LandedScope
from pipeline.load import snapshot
from pipeline.load.snapshot import Snapshot
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, RESULT_KEYS, RawPage
from pipeline.rebuild import decode, differences, rebuild, tables_of

BATCH_PAGES = 100
"""Pages whose projects are compared at a time, so that memory stays flat."""


@dataclass(slots=True)
class Report:
    """What was compared, and every difference, a sentence each."""

    pages: int = 0
    descriptions: int = 0
    differences: list[str] = field(default_factory=list)


def verify(lake: Path) -> Report:
    """Compare everything that is published; LakeError if there is nothing, or a landed file is missing."""
    published = snapshot.current(lake)
    report = Report()
    for scope, run_id in published.sources.items():
        _verify_scope(published, landing.scope_file(lake, run_id, scope), report)
    return report


def _verify_scope(published: Snapshot, landed: LandedScope, report: Report) -> None:
    heads = [PageHead(**head) for head in landing.heads(landed.path)]
    decided = counting(heads)
    projects = _pages(landed, heads, decided, {""})
    rows = _rows(published, landed, DESCRIBE_PROJECTS, None)
    _compare(DESCRIBE_PROJECTS, landed, projects, rows, decided.gone, report)
    existing = {row["project_arn"] for row in rows["projects"]}
    for batch in _batches(heads, existing):
        pages = _pages(landed, heads, decided, batch)
        rows = _rows(published, landed, DESCRIBE_PROJECT_VERSIONS, batch)
        _compare(DESCRIBE_PROJECT_VERSIONS, landed, pages, rows, frozenset(), report)


def _batches(heads: Iterable[PageHead], existing: set[str]) -> Iterator[set[str]]:
    """Group the projects so that each group has about BATCH_PAGES pages; every existing project is in one."""
    counts = dict.fromkeys(sorted(existing), 0)
    for head in heads:
        if head.project_arn in counts:
            counts[head.project_arn] += 1
    batch: set[str] = set()
    size = 0
    for arn, pages in counts.items():
        batch.add(arn)
        size += pages
        if size >= BATCH_PAGES:
            yield batch
            batch, size = set(), 0
    if batch:
        yield batch


def _pages(landed: LandedScope, heads: list[PageHead], decided: Counting, project_arns: set[str]) -> list[RawPage]:
    found = landing.pages(landed.path, lambda at: heads[at].project_arn in project_arns and decided.counts(heads[at]))
    return sorted(found, key=lambda page: (page.project_arn, page.page_number))


def _rows(
    published: Snapshot, landed: LandedScope, operation: str, project_arns: set[str] | None
) -> dict[str, list[dict[str, Any]]]:
    wanted = (ds.field("account_id") == landed.scope.account_id) & (ds.field("region") == landed.scope.region)
    if project_arns is not None:
        wanted &= ds.field("project_arn").isin(sorted(project_arns))
    root, nested = tables_of(operation)
    return {
        table.name: ds.dataset(published.file(table.name), format="parquet").to_table(filter=wanted).to_pylist()
        for table in (root, *nested)
    }


def _compare(
    operation: str,
    landed: LandedScope,
    pages: list[RawPage],
    rows: dict[str, list[dict[str, Any]]],
    gone: frozenset[str],
    report: Report,
) -> None:
    """Compare the pages' descriptions with the rows'; of one that stands on two pages, the later."""
    root = tables_of(operation)[0]
    key = root.column(root.key[0]).path
    tabled = {row[root.key[0]] for row in rows[root.name]}
    listed: dict[str, tuple[RawPage, Any]] = {}
    unreadable: list[str] = []
    for page in pages:
        report.pages += 1
        where = page.describe(landed.scope)
        try:
            descriptions = decode(page.body)[RESULT_KEYS[operation]]
            listed |= {one[key]: (page, one) for one in descriptions if one[key] not in gone}
        except (ValueError, KeyError, TypeError) as error:
            unreadable.append(f"{where}: cannot be read whole: {type(error).__name__}: {error}")
    rebuilt = rebuild(operation, rows)
    report.descriptions += len(listed)
    report.differences.extend(unreadable)
    for arn, (page, description) in listed.items():
        where = f"{page.describe(landed.scope)}: {arn}"
        if arn not in tabled:
            report.differences.append(f"{where} is not in the tables")
        else:
            different = differences(operation, description, rebuilt[arn])
            report.differences.extend(f"{where}: {one}" for one in different)
    report.differences.extend(
        f"{landed.scope}: {arn} is in the tables, but on no page" for arn in rebuilt.keys() - listed.keys()
    )

"""Compare the published tables with the landed pages that their rows came on, description by description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from pipeline import landing
from pipeline.errors import LakeError
from pipeline.flatten.counting import Counting, PageHead, counting
from pipeline.landing import LandedScope
from pipeline.load import snapshot
from pipeline.load.snapshot import MEND, Snapshot
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, RESULT_KEYS, RawPage
from pipeline.rebuild import decode, differences, rebuild, tables_of
from pipeline.storage import Lake

BATCH_PAGES = 100
"""Pages whose projects are compared at a time, so that memory stays flat."""


@dataclass(slots=True)
class Report:
    """What was compared, and every difference, a sentence each.

    `is_whole` says of the scope being compared that all its rows came on its pages.
    """

    pages: int = 0
    descriptions: int = 0
    is_whole: bool = True
    differences: list[str] = field(default_factory=list)


def verify(lake: Lake) -> Report:
    """Compare everything that is published; LakeError if there is nothing, or a landed or published file is missing."""
    published = snapshot.current(lake)
    report = Report()
    for scope, source in published.sources.items():
        report.is_whole = source.whole
        _verify_scope(published, landing.scope_file(lake, source.run_id, scope), report)
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
    try:
        return {
            table.name: ds.dataset(published.file(table.name), format="parquet").to_table(filter=wanted).to_pylist()
            for table in (root, *nested)
        }
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{published.lake}: snapshot {published.id}: cannot be read: {error}; {MEND}.") from error


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
    tabled = {row[root.key[0]] for row in rows[root.name]}
    rebuilt = rebuild(operation, rows)
    listed: dict[str, tuple[str, Any]] = {}
    for page in pages:
        report.pages += 1
        where = page.describe(landed.scope)
        for arn, description in _descriptions(operation, page):
            if arn is None:
                report.differences.append(f"{where}: {description}")
            elif arn not in gone:
                listed[arn] = where, description
    report.descriptions += len(listed)
    for arn, (where, description) in listed.items():
        if arn not in tabled:
            report.differences.append(f"{where}: {arn} is not in the tables")
        else:
            different = differences(operation, description, rebuilt[arn])
            report.differences.extend(f"{where}: {arn}: {one}" for one in different)
    if report.is_whole:
        report.differences.extend(
            f"{landed.scope}: {arn} is in the tables, but on no page" for arn in rebuilt.keys() - listed.keys()
        )


def _descriptions(operation: str, page: RawPage) -> Iterator[tuple[str | None, Any]]:
    """Yield a page's descriptions by ARN; None and a sentence for what is none."""
    root = tables_of(operation)[0]
    key = root.column(root.key[0]).path
    try:
        items = decode(page.body)[RESULT_KEYS[operation]]
    except (ValueError, KeyError, TypeError) as error:
        yield None, f"cannot be read: {type(error).__name__}: {error}"
        return
    for at, item in enumerate(items if isinstance(items, list) else [items]):
        if isinstance(item, dict) and isinstance(item.get(key), str):
            yield item[key], item
        else:
            yield None, f"item {at} has no {key}, so no table can hold it"

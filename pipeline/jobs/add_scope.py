"""The path from one landed scope to rows of a snapshot, for a sync, a resumed listing and a replay alike.

Pages of versions are read in batches of whole projects in key order, flattened, and merged with the previous rows, so
memory follows the largest project. Details, whose answers are small, are read a scope at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from pipeline import landing
from pipeline.errors import LakeError, PageError
from pipeline.flatten import Flat, flatten, flatten_detail
from pipeline.jobs.landed_pages import LandedPages
from pipeline.lake.installed import version
from pipeline.lake.run_record import ScopeRecord, text_of
from pipeline.lake.snapshot import DetailSource, Snapshot, Source
from pipeline.landing import LandedScope
from pipeline.load.snapshot_writer import ScopeWriter, SnapshotWriter, about, unseen
from pipeline.model import declaration_digest, table, tables_of_detail
from pipeline.model.arn import name_prefix
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import Scope

BATCH_PAGES = 20
"""Pages per batch, about 6 MB of bodies. A batch has more only if a single project has more."""


def is_unchanged(landed: LandedScope, previous: Snapshot | None) -> bool:
    """Whether the landed pages would give the same rows as are published, so that those can be carried forward.

    The pages must equal those that the published rows come from, with the same details, complete in both runs, read by
    the fast reader, and flattened by this version into the tables as they are declared now.
    """
    source = previous.sources.get(landed.scope) if previous else None
    if previous is None or source is None or not source.whole or source.is_lenient:
        return False
    if (source.declaration, source.reklake) != (declaration_digest(), version("reklake")):
        return False
    if source.runs != {source.run_id} or not all(detail.whole for detail in source.details.values()):
        return False
    try:
        before = landing.scope_file(previous.lake, source.run_id, landed.scope)
        return source.details.keys() == before.details and landing.are_equal(landed, before)
    except LakeError:  # the previous pages were removed, or are damaged
        return False


def add_scope(new: SnapshotWriter, landed: LandedScope, record: ScopeRecord) -> None:
    """Flatten and merge a scope that was listed to its end, and complete its record.

    Descriptions that could not be read keep their previous rows, and the scope counts as failed.
    """
    pages = LandedPages(landed)
    with new.scope(landed.scope, landed.run_id, landed.listed_at) as writer:
        found = _merge_listings(writer, pages)
        failed = _merge_details(writer, pages, landed, found)
        writer.source = Source(
            run_id=landed.run_id,
            listed_at=writer.listed_at,
            declaration=declaration_digest(),
            reklake=version("reklake"),
            whole=not found.problems,
            is_lenient=found.is_lenient,
            pages=pages.total,
            projects=found.projects,
            versions=found.versions,
            details=found.details,
        )
    if found.problems:
        record.fail(_summary(found.problems))
    for detail, error in failed.items():
        record.fail_detail(detail, error)
    for detail, unknown in found.unknown_in_details.items():
        record.detail(detail).unknown_members = unknown
    record.projects, record.versions = found.projects, found.versions
    record.unknown_members = found.unknown + sum(found.unknown_in_details.values())
    record.listed_at = text_of(writer.listed_at)


def carry_forward(new: SnapshotWriter, landed: LandedScope, record: ScopeRecord) -> None:
    """Keep the rows of a scope whose landed pages are unchanged, and complete its record."""
    source = new.carry_forward(landed.scope)
    if source:
        record.projects, record.versions = source.projects, source.versions
        record.listed_at = text_of(landed.listed_at)


@dataclass
class _Found:
    """What was found on the pages of a scope so far.

    `resources` has the ARNs of the projects, datasets and versions on pages that could be read. `kept` has the ARNs of
    previous rows that stay because a page could not be read.
    """

    problems: tuple[PageError, ...]
    projects: int = 0
    versions: int = 0
    unknown: int = 0
    unknown_in_details: dict[str, int] = field(default_factory=dict)
    is_lenient: bool = False
    resources: list[pa.Array] = field(default_factory=lambda: [pa.array([], pa.string())])
    kept: list[pa.Array] = field(default_factory=lambda: [pa.array([], pa.string())])
    details: dict[str, DetailSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Projects that are flattened together, and the range of keys of their versions.

    The range begins at `since`, where the previous one ended (None: no lower end), and ends before `until` (None: no
    upper end).
    """

    projects: tuple[str, ...]
    since: str | None
    until: str | None


def batches(projects: Sequence[str], pages: Counter[str]) -> Iterator[Batch]:
    """Yield at least one batch of about BATCH_PAGES pages, in key order. Their ranges cover all keys.

    A batch ends between two project names. A project that was deleted and made again has two ARNs with the same name,
    and its versions' ARNs do not say which of the two they belong to.
    """
    by_name: dict[str, list[str]] = {}
    for arn in projects:
        by_name.setdefault(name_prefix(arn), []).append(arn)
    batch: list[str] = []
    since: str | None = None
    for prefix in sorted(by_name):
        if sum(pages[arn] for arn in batch) >= BATCH_PAGES:
            yield Batch(tuple(batch), since, prefix)
            batch, since = [], prefix
        batch += by_name[prefix]
    yield Batch(tuple(batch), since, None)


def _merge_listings(writer: ScopeWriter, pages: LandedPages) -> _Found:
    """Merge projects, then versions batch by batch."""
    projects = flatten(DESCRIBE_PROJECTS, writer.scope, pages.of(DESCRIBE_PROJECTS), deleted=pages.effective.deleted)
    found = _Found(projects.problems)
    _merge_listing(writer, projects, found, until=None)
    for batch in batches(projects.arns.to_pylist(), pages.version_pages()):
        listed = pages.of(DESCRIBE_PROJECT_VERSIONS, batch.projects)
        versions = flatten(DESCRIBE_PROJECT_VERSIONS, writer.scope, listed)
        found.problems += versions.problems
        versions = _of_their_projects(versions, found, writer.scope)
        _merge_listing(writer, versions, found, until=batch.until)
    return found


def _of_their_projects(versions: Flat, found: _Found, scope: Scope) -> Flat:
    """Return the versions whose ARN names the project that they were listed for: those lie in the batch's range."""
    rows = versions.tables["project_versions"]
    pairs = zip(rows.column("project_version_arn").to_pylist(), rows.column("project_arn").to_pylist(), strict=True)
    strangers = [(arn, project) for arn, project in pairs if not arn.startswith(name_prefix(project))]
    if not strangers:
        return versions
    found.problems += tuple(
        PageError(
            f"account {scope.account_id}, region {scope.region}, project {project}: lists version {arn}, whose ARN "
            "names another project. The version is left out; the raw page is kept. Sync again; if the error stays, "
            "report it with that page."
        )
        for arn, project in strangers
    )
    return versions.without(pa.array([arn for arn, _ in strangers], pa.string()))


def _merge_listing(writer: ScopeWriter, flat: Flat, found: _Found, *, until: str | None) -> None:
    """Merge the tables of a listing. If a page could not be read, previous descriptions that were not seen stay."""
    for name, rows in flat.tables.items():
        keep = unseen(table(name), flat.arns) if found.problems else None
        kept, _ = writer.merge(name, rows, until=until, keep=keep)
        if len(table(name).key) == 1:  # a table of resources, which details are about
            found.resources.append(rows.column(table(name).key[0]).combine_chunks())
            found.kept.append(kept.column(table(name).key[0]).combine_chunks())
    found.projects += flat.tables["projects"].num_rows if "projects" in flat.tables else 0
    found.versions += flat.tables["project_versions"].num_rows if "project_versions" in flat.tables else 0
    found.unknown += flat.unknown
    found.is_lenient |= flat.is_lenient


def _merge_details(writer: ScopeWriter, pages: LandedPages, landed: LandedScope, found: _Found) -> dict[str, PageError]:
    """Merge the rows of each detail, and return an error for each with a page that could not be read.

    A detail that was not listed completely, or could not be read, keeps its previous rows about resources that still
    exist.
    """
    seen, kept = pa.concat_arrays(found.resources), pa.concat_arrays(found.kept)
    failed: dict[str, PageError] = {}
    for detail, operation in DETAILS.items():
        (declared,) = tables_of_detail(detail)
        flat = flatten_detail(operation, writer.scope, pages.of(operation) if detail in landed.details else [])
        if flat.problems:
            failed[detail] = _summary(flat.problems)
        is_listed = detail in landed.details and not flat.problems
        rows = flat.only(seen).tables[declared.name] if is_listed else declared.schema.empty_table()
        still_there = kept if is_listed else pa.concat_arrays([seen, kept])
        kept_rows, rows_before = writer.merge(declared.name, rows, keep=about(declared, still_there))
        source = writer.before.details.get(detail) if writer.before else None
        if is_listed:
            found.unknown_in_details[detail] = flat.unknown
            found.is_lenient |= flat.is_lenient
            found.details[detail] = DetailSource(landed.run_id, writer.listed_at, whole=not found.problems)
        elif source:
            found.details[detail] = replace(source, whole=source.whole and kept_rows.num_rows == rows_before)
    return failed


def _summary(problems: Sequence[PageError]) -> PageError:
    more = f" And {len(problems) - 1} more like it." if len(problems) > 1 else ""
    return PageError(f"{problems[0]}{more}")

"""One listed scope into the snapshot: its projects and versions, and what its details told of them.

Its pages are flattened while others are still on their way; should the listing then break off, the rows are taken out
again. A detail is not all or nothing with its scope: one that was not asked, or failed, keeps its last rows of what is
still there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import landed
from pipeline.arrivals import Arriving
from pipeline.errors import LakeError, PageError
from pipeline.feed import Arrived
from pipeline.flatten import Flat
from pipeline.lake import memory
from pipeline.lake.run_record import ScopeRecord, text_of
from pipeline.landing import LandedScope
from pipeline.load.snapshot_writer import SnapshotWriter
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import Scope
from pipeline.pieces import PORTIONS, OvertakenError, flatten_scope
from pipeline.revision import Revision, revise
from pipeline.unchanged import Before

DETAIL_OF = {operation: detail for detail, operation in DETAILS.items()}
VERSIONS = "project_versions"
PIECES_BETWEEN = 40
"""Pieces after which what was freed is given back: over a million versions what C's allocator keeps grows by 50 MB."""


@dataclass(slots=True)
class _Written:
    """What was written of a scope: counts, pages that could not be read whole, and its details.

    `resources` are the ARNs of what is there, and had rows in details before.
    """

    projects: int = 0
    versions: int = 0
    unknown_members: int = 0
    problems: list[PageError] = field(default_factory=list)
    details: dict[str, Flat] = field(default_factory=dict)
    resources: list[pa.Array] = field(default_factory=list)


def write_scope(new: SnapshotWriter, arriving: Arriving) -> ScopeRecord:
    """Take a scope into the snapshot, as it comes or from its landed pages, and return its record.

    One that was not listed to its end keeps its last rows, and so does one that has the pages it had.
    """
    if before := arriving.unchanged():
        return _keep(new, arriving, before)
    if arriving.before and not arriving.before.has_repeats:
        return _write_revision(new, arriving, arriving.before)
    written = _write_while_listed(new, arriving)
    listed, record = arriving.result()
    if listed is None:
        if written:
            new.undo(arriving.scope)
        new.carry(arriving.scope)
        return record
    if written is None:
        written = _write(new, listed.scope, landed.arrivals(listed), listed.details)
    _finish(new, listed, record, written)
    return record


def _write_revision(new: SnapshotWriter, arriving: Arriving, before: Before) -> ScopeRecord:
    """Write what is new since the listing before, once all of it is there; everything if that cannot be told apart."""
    pages = arriving.pages()
    revision = _revise(new, arriving, before, pages, arriving.details) if pages else None
    listed, record = arriving.result()
    if listed is None:
        new.carry(arriving.scope)
        return record
    if pages is None:
        revision = _revise(new, arriving, before, landed.arrivals(listed, before), listed.details)
    written = None
    if revision and record.descriptions == before.versions + revision.more_versions:  # each stood on one page only
        written = _replace(new, arriving.scope, before, revision)
    if written is None:
        written = _write(new, listed.scope, landed.arrivals(listed), listed.details)
    _finish(new, listed, record, written)
    return record


def _revise(
    new: SnapshotWriter, arriving: Arriving, before: Before, pages: Iterable[Arrived], details: Collection[str]
) -> Revision | None:
    """Return what is new on these pages since the listing before; None if that cannot be told."""
    try:
        return revise(arriving.scope, pages, before, details, new.arns_before(arriving.scope, VERSIONS))
    except (OvertakenError, LakeError):  # the pages before may have been damaged, or cleared away
        return None
    finally:
        arriving.close()


def _replace(new: SnapshotWriter, scope: Scope, before: Before, revision: Revision) -> _Written | None:
    """Write a revision over the previous rows; None, and nothing is written, if it does not fit them."""
    new.keep(scope, revision.kept)
    for name, (old, rows) in revision.replaced.items():
        if not new.replace(scope, name, old, rows):
            new.undo(scope)
            return None
    asked_before = new.asked_before(scope)
    return _Written(
        projects=revision.projects,
        versions=before.versions + revision.more_versions,
        unknown_members=before.unknown_members + revision.more_unknown,
        details=revision.details,
        resources=[asked_before.filter(pc.invert(pc.is_in(asked_before, revision.gone)))],
    )


def _keep(new: SnapshotWriter, arriving: Arriving, before: Before) -> ScopeRecord:
    listed, record = arriving.result()
    new.carry(arriving.scope)
    record.projects, record.versions = before.projects, before.versions
    record.unknown_members = before.unknown_members + sum(before.unknown_in_details.values())
    for one in record.details:
        one.unknown_members = before.unknown_in_details.get(one.detail, 0)
    if listed:
        instant = new.listed(listed.scope, listed.run_id, listed.listed_at, details=listed.details)
        record.listed_at = text_of(instant)
    return record


def _write_while_listed(new: SnapshotWriter, arriving: Arriving) -> _Written | None:
    """Write the rows as their pages come, to the listing's end, be it a bad one; None if that could not be."""
    pages = arriving.pages()
    if pages is None:
        return None
    try:
        return _write(new, arriving.scope, pages, arriving.details, portions=1)
    except OvertakenError:
        new.undo(arriving.scope)
        return None
    finally:
        arriving.close()


def _write(
    new: SnapshotWriter,
    scope: Scope,
    pages: Iterable[Arrived],
    details: Iterable[str],
    *,
    portions: int = PORTIONS,
) -> _Written:
    """Write projects and versions; the rows of details are returned, as it takes more to know which of them count."""
    written = _Written()
    asked_before = new.asked_before(scope)
    for number, (flat, settled) in enumerate(flatten_scope(scope, pages, frozenset(details), portions=portions), 1):
        if number % PIECES_BETWEEN == 0:
            memory.give_back()
        if flat.operation in DETAIL_OF:
            written.details[DETAIL_OF[flat.operation]] = flat
            continue
        new.add(flat.tables, settled)
        written.unknown_members += flat.unknown
        written.problems.extend(flat.problems)
        written.projects += flat.tables["projects"].num_rows if "projects" in flat.tables else 0
        written.versions += flat.tables["project_versions"].num_rows if "project_versions" in flat.tables else 0
        written.resources += [arns.filter(pc.is_in(arns, asked_before)) for arns in flat.resources]
    return written


def _finish(new: SnapshotWriter, listed: LandedScope, record: ScopeRecord, written: _Written) -> None:
    """Fill the gaps that unreadable pages left with the previous rows, write the details, and note the listing."""
    gap = pa.array([], pa.string())
    if written.problems:
        gap = new.carry_beneath(listed.scope, _present(listed))
        record.fail(_in_one(written.problems))
    details = {detail: flat for detail, flat in written.details.items() if detail in listed.details}
    resources = pa.concat_arrays([*written.resources, gap])
    whole_details = _write_details(new, listed.scope, details, record, gap=gap, resources=resources)
    record.projects, record.versions = written.projects, written.versions
    record.unknown_members = written.unknown_members + sum(flat.unknown for flat in details.values())
    instant = new.listed(
        listed.scope, listed.run_id, listed.listed_at, whole=not written.problems, details=whole_details
    )
    record.listed_at = text_of(instant)


def _present(listed: LandedScope) -> dict[str, pa.Array]:
    """Return, by operation, the ARNs that the landed pages hold."""
    nothing = pa.array([], pa.string())
    present = {operation: [nothing] for operation in (DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS)}
    for flat, _ in flatten_scope(listed.scope, landed.arrivals(listed), ()):
        present[flat.operation].append(flat.arns)
    return {operation: pa.concat_arrays(arns) for operation, arns in present.items()}


def _write_details(
    new: SnapshotWriter,
    scope: Scope,
    details: Mapping[str, Flat],
    record: ScopeRecord,
    *,
    gap: pa.Array,
    resources: pa.Array,
) -> list[str]:
    """Write the rows of each detail, or keep its last ones, and return the details that were written.

    `gap` holds the ARNs of what was taken over because a page could not be read, `resources` those of all that is
    there and had rows before.
    """
    written = []
    for detail in DETAILS:
        flat = details.get(detail)
        if flat and flat.problems:
            record.fail_detail(detail, _in_one(flat.problems))
            flat = None
        if flat:
            new.add(flat.tables)
            written.append(detail)
            record.detail(detail).unknown_members = flat.unknown
        new.carry_detail(scope, detail, gap if flat else resources)
    return written


def _in_one(problems: Sequence[PageError]) -> PageError:
    more = f" And {len(problems) - 1} more like it." if len(problems) > 1 else ""
    return PageError(f"{problems[0]}{more}")

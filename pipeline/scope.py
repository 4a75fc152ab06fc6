"""One listed scope into the snapshot: its projects and versions, and what its parts told of them.

A part is not all or nothing with its scope: one that was not asked, or failed, keeps its last rows of what is still
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PageError
from pipeline.flatten import Flat
from pipeline.landing import LandedScope
from pipeline.load.writer import SnapshotWriter
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, PARTS, Scope
from pipeline.pieces import flatten_scope
from pipeline.record import ScopeRecord, text_of

PART_OF = {operation: part for part, operation in PARTS.items()}


def write_scope(new: SnapshotWriter, landed: LandedScope, record: ScopeRecord) -> None:
    """Flatten a scope into the snapshot; where a page could not be read whole, the previous rows fill the gap."""
    problems: list[PageError] = []
    parts: dict[str, Flat] = {}
    asked_before = new.asked_before(landed.scope)
    resources = [pa.array([], pa.string())]
    for flat, settled in flatten_scope(landed):
        record.unknown_members += flat.unknown
        if flat.operation in PART_OF:
            parts[PART_OF[flat.operation]] = flat
            continue
        new.add(flat.tables, settled)
        problems.extend(flat.problems)
        record.projects += flat.tables["projects"].num_rows if "projects" in flat.tables else 0
        record.versions += flat.tables["project_versions"].num_rows if "project_versions" in flat.tables else 0
        resources += [arns.filter(pc.is_in(arns, asked_before)) for arns in flat.resources]
    gap = resources[0]
    if problems:
        present = {operation: [gap] for operation in (DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS)}
        for flat, _ in flatten_scope(landed):
            if flat.operation in present:
                present[flat.operation].append(flat.arns)
        gap = new.carry_beneath(landed.scope, {name: pa.concat_arrays(arns) for name, arns in present.items()})
        record.fail(_in_one(problems))
    listed = _write_parts(new, landed.scope, parts, record, gap=gap, resources=pa.concat_arrays([*resources, gap]))
    instant = new.listed(landed.scope, landed.run_id, landed.listed_at, whole=not problems, parts=listed)
    record.listed_at = text_of(instant)


def _write_parts(
    new: SnapshotWriter,
    scope: Scope,
    parts: Mapping[str, Flat],
    record: ScopeRecord,
    *,
    gap: pa.Array,
    resources: pa.Array,
) -> list[str]:
    """Write the rows of each part, or keep its last ones, and return the parts that were written.

    `gap` holds the ARNs of what was taken over because a page could not be read, `resources` those of all that is
    there and had rows before.
    """
    written = []
    for part in PARTS:
        flat = parts.get(part)
        if flat and flat.problems:
            record.fail_part(part, _in_one(flat.problems))
            flat = None
        if flat:
            new.add(flat.tables)
            written.append(part)
        new.carry_part(scope, part, gap if flat else resources)
    return written


def _in_one(problems: Sequence[PageError]) -> PageError:
    more = f" And {len(problems) - 1} more like it." if len(problems) > 1 else ""
    return PageError(f"{problems[0]}{more}")

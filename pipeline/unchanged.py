"""What a scope's last listing held, page by page: whether the next one is equal to it is known as it comes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pipeline import landing
from pipeline.errors import LakeError
from pipeline.flatten.effective_pages import PageHead, counting
from pipeline.lake import Lake
from pipeline.lake.installed import version
from pipeline.lake.run_record import Outcome, has_published
from pipeline.lake.snapshot import Snapshot, Source
from pipeline.model import declaration
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
from pipeline.model.page import RawPage, Scope

Place: TypeAlias = tuple[str, str, str, int]
"""Operation, project, resource and number of a page."""
LISTINGS = frozenset({DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS})


@dataclass(frozen=True, slots=True)
class Before:
    """The pages that a scope's rows are from: their digests, the details among them, and what was counted on them."""

    path: Path
    digests: Mapping[Place, bytes]
    positions: Mapping[Place, int]
    """Where each page stands in the landed file at `path`, 0-based."""
    details: frozenset[str]
    projects: int
    versions: int
    unknown_members: int
    """On the pages of projects and versions."""
    unknown_in_details: Mapping[str, int]
    has_repeats: bool = False
    """Whether a version may stand on two of the pages, because others were made or deleted meanwhile."""


def place_of(page: RawPage | PageHead) -> Place:
    """Return where a page stands in a listing."""
    return page.operation, page.project_arn, page.resource_arn, page.page_number


class Published:
    """What the published rows are from, scope by scope."""

    def __init__(self, lake: Lake, previous: Snapshot | None, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the published snapshot, and the records of runs by their ids."""
        self._lake = lake
        self._sources = previous.sources if previous and _is_made_as_now(previous) else {}
        self._records = {
            (run_id, one["account_id"], one["region"]): one
            for run_id in {source.run_id for source in self._sources.values()}
            if has_published(records.get(run_id))  # others have counted nothing
            for one in records[run_id]["scopes"]
        }

    def before(self, scope: Scope) -> Before | None:
        """Return the pages that a scope's rows are from; None if the rows may not be kept as they are.

        They may be if they are all from one listing, whole and with every detail, if its pages and its record are
        still there, and if flattening those again would give the same rows.
        """
        source = self._sources.get(scope)
        if source is None or not source.whole or len(source.runs) > 1:
            return None
        record = self._records.get((source.run_id, scope.account_id, scope.region))
        is_complete = record is not None and record["outcome"] == Outcome.COMPLETE
        if record is None or not is_complete or not all(one.whole for one in source.details.values()):
            return None
        counts = {name: record[name] for name in ("projects", "versions", "unknown_members")}
        unknown = {one["detail"]: one.get("unknown_members", 0) for one in record["details"]}
        counts["unknown_members"] -= sum(unknown.values())
        counts["unknown_in_details"] = unknown
        counts["has_repeats"] = record.get("descriptions") != record["versions"]
        return self._landed(scope, source, counts)

    def _landed(self, scope: Scope, source: Source, counts: Mapping[str, Any]) -> Before | None:
        """Return the landed pages that count, with what was counted on them; None if they are gone, or damaged."""
        asked = {DETAILS[detail] for detail in source.details}
        try:
            path = landing.scope_file(self._lake, source.run_id, scope).path
            pages = landing.digests(path)
        except LakeError:
            return None
        digests = [one.pop("digest") for one in pages]
        heads = [PageHead(**one) for one in pages]
        decided = counting(heads)
        positions = {
            place_of(head): position
            for position, head in enumerate(heads)
            if decided.counts(head) and (head.operation in LISTINGS or head.operation in asked)
        }
        known = {place: digests[position] for place, position in positions.items()}
        return Before(path, known, positions, frozenset(source.details), **counts) if known else None


def _is_made_as_now(previous: Snapshot) -> bool:
    """Whether this version of reklake made the snapshot, with the tables declared as they are."""
    made_by = previous.manifest.get("software", {}).get("reklake")
    return previous.manifest.get("declared") == declaration() and made_by == version("reklake")


class Comparison:
    """A listing beside the one before, page by page."""

    def __init__(self, known: Before | None) -> None:
        self._left = dict(known.digests) if known else {}
        self._differs = known is None
        self._is_decided = threading.Event()
        if self._differs:
            self._is_decided.set()

    def see(self, page: RawPage) -> None:
        """Compare a page; of one that was not digested, it is not known."""
        place = place_of(page)
        if not self._differs and (self._left.pop(place, None) != page.digest or not page.digest):
            self._differs = True
            self._is_decided.set()

    def end(self) -> None:
        """Say that no more pages come."""
        self._differs = self._differs or bool(self._left)
        self._is_decided.set()

    def is_same(self) -> bool:
        """Wait until it is known, and return whether all pages were there and equal."""
        self._is_decided.wait()
        return not self._differs

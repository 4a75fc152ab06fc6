"""What a scope's last listing held, page by page: whether the next one is equal to it is known as it comes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipeline import landing
from pipeline.errors import LakeError
from pipeline.flatten.counting import PageHead, counting
from pipeline.load.snapshot import Snapshot
from pipeline.model import declaration
from pipeline.model.page import PARTS, RawPage, Scope
from pipeline.record import Outcome
from pipeline.storage import Lake

Place: TypeAlias = tuple[str, str, str, int]
"""Operation, project, resource and number of a page."""


@dataclass(frozen=True, slots=True)
class Before:
    """The pages that a scope's rows are from: their digests, the parts among them, and what was counted on them."""

    digests: Mapping[Place, bytes]
    parts: frozenset[str]
    projects: int
    versions: int
    unknown_members: int


def before(
    lake: Lake, scope: Scope, previous: Snapshot | None, records: Mapping[str, Mapping[str, Any]]
) -> Before | None:
    """Return what the scope's rows in the published snapshot are from; None if they may not be kept as they are.

    They may be if they are all from one listing, whole and with every part it had, if its pages and its record are
    still there, and if flattening those again would give the same rows: the tables are declared as they were then.
    """
    source = previous.sources.get(scope) if previous else None
    if previous is None or source is None or previous.manifest.get("declared") != declaration():
        return None
    record = _record(records.get(source.run_id), scope)
    if (
        record is None
        or not source.whole
        or not all(one.whole for one in source.parts.values())
        or len(source.runs) > 1
    ):
        return None
    try:
        landed = landing.scope_file(lake, source.run_id, scope)
        pages = landing.digests(landed.path)
    except LakeError:  # cleared away, or damaged: then there is nothing to compare with
        return None
    operations = {operation for part, operation in PARTS.items() if part not in source.parts}
    digests = [one.pop("digest") for one in pages]
    heads = [PageHead(**one) for one in pages]
    decided = counting(heads)
    known = {
        (head.operation, head.project_arn, head.resource_arn, head.page_number): digest
        for head, digest in zip(heads, digests, strict=True)
        if decided.counts(head) and head.operation not in operations
    }
    return (
        Before(known, frozenset(source.parts), record["projects"], record["versions"], record["unknown_members"])
        if known
        else None
    )


def _record(document: Mapping[str, Any] | None, scope: Scope) -> Mapping[str, Any] | None:
    """Return the complete scope's record in a run's; None if there is none."""
    for one in document["scopes"] if document else ():
        if (one["region"], one["account_id"]) == (scope.region, scope.account_id):
            found: Mapping[str, Any] = one
            return found if one["outcome"] == Outcome.COMPLETE else None
    return None


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
        place = page.operation, page.project_arn, page.resource_arn, page.page_number
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

"""What is new in a scope's listing since the one before, version by version: only that is flattened.

Versions move on to other pages when one is added, and a page with one changed version is another page. So versions are
compared by their text: what is in both listings is as it was, whatever page it stands on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.feed import Arrived
from pipeline.flatten import Flat, flatten, flatten_part, texts_in
from pipeline.landing import NEVER, Bodies
from pipeline.model import table
from pipeline.model.order import in_key_order
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, PARTS, RESULT_KEYS, RawPage, Scope
from pipeline.pieces import PIECE_BYTES, Answers, OvertakenError, projects_first
from pipeline.unchanged import Before, Place, place_of

MOST_BYTES = 64 << 20
"""Descriptions that only one of the listings has: beyond that, everything is flattened as if it were new."""
HTTP_OK = 200
VERSIONS_KEY = RESULT_KEYS[DESCRIBE_PROJECT_VERSIONS]


_Texts: TypeAlias = set[bytes]


@dataclass(frozen=True, slots=True)
class Revision:
    """What only the listing before has, and only this one: a version that has changed is on both sides.

    `kept` names the tables in which both sides are equal. Of each of the others `replaced` has the ARNs of the
    descriptions that only the listing before has, and the rows of those that only this one has. Projects, which are
    few, are all on both sides; `projects` says how many are listed now. `gone` are the ARNs of what could be asked
    about, and is not there any more.
    """

    projects: int
    more_versions: int
    """How many versions there are more than before; below 0 if there are fewer."""
    more_unknown: int
    """How many undeclared members there are more than before."""
    kept: list[str]
    replaced: dict[str, tuple[pa.Array, pa.Table]]
    gone: pa.Array
    parts: dict[str, Flat]


def revise(
    scope: Scope, arrivals: Iterable[Arrived], before: Before, parts: Collection[str], versions: Iterable[pa.Array]
) -> Revision:
    """Compare the pages of a listing, which come as flatten_scope takes them, with those `before`.

    `versions` are the ARNs of the versions there were; they are asked for if a part is about versions.

    OvertakenError where all pages have to be looked at: something happened while they were listed, some of it cannot be
    read, or too much is new.
    """
    stream = iter(arrivals)
    pages, rest = projects_first(stream)
    answers = Answers(chain(rest, stream))
    with Bodies(before.path) as known:
        places = sorted(place for place in before.positions if place[0] == DESCRIBE_PROJECTS)
        pages_before = [_page(place, bytes(known.body(before.positions[place]))) for place in places]
        old, new = (_whole(flatten(DESCRIBE_PROJECTS, scope, of)) for of in (pages_before, pages))
        comparison = _Comparison(scope, before, known, new.arns.to_pylist())
        for arrived in answers.of_versions():
            comparison.see(arrived)
        comparison.end()
    old_versions, new_versions = comparison.old.flat(), comparison.new.flat()
    resources = new.resources
    if "tags" in parts:
        still = pa.concat_arrays([pa.array([], pa.string()), *versions])
        resources += [still.filter(pc.invert(pc.is_in(still, old_versions.arns))), new_versions.arns]
    found = {
        part: flatten_part(operation, scope, answers.of_part(operation, ())).only(pa.concat_arrays(resources))
        for part, operation in PARTS.items()
        if part in parts
    }
    return _revision((old, old_versions), (new, new_versions), found)


def _revision(before: Sequence[Flat], now: Sequence[Flat], parts: dict[str, Flat]) -> Revision:
    """Return how two sides differ; of what is equal, which is much, no rows are kept in memory."""
    kept: list[str] = []
    replaced: dict[str, tuple[pa.Array, pa.Table]] = {}
    for old, new in zip(before, now, strict=True):
        for name, rows in new.tables.items():
            if old.tables[name].equals(rows):
                kept.append(name)
            else:
                replaced[name] = old.arns, rows
    was, there = (pa.concat_arrays([arns for flat in side for arns in flat.resources]) for side in (before, now))
    return Revision(
        projects=len(now[0].arns),
        more_versions=len(now[1].arns) - len(before[1].arns),
        more_unknown=sum(flat.unknown for flat in now) - sum(flat.unknown for flat in before),
        kept=kept,
        replaced=replaced,
        gone=was.filter(pc.invert(pc.is_in(was, there))),
        parts=parts,
    )


@dataclass(slots=True)
class _Side:
    """The descriptions of versions that one listing has and the other has not."""

    scope: Scope
    bytes: int = 0
    _pages: list[RawPage] = field(default_factory=list)
    _waiting: int = 0
    _flats: list[Flat] = field(default_factory=list)

    def add(self, project: str, texts: _Texts) -> None:
        """Take those of a project; there are no more."""
        if texts:
            body = b'{"%s":[%s]}' % (VERSIONS_KEY.encode(), b",".join(sorted(texts)))
            self._pages.append(_page((DESCRIBE_PROJECT_VERSIONS, project, "", 1), body))
            self.bytes += len(body)
            self._waiting += len(body)
        if self._waiting >= PIECE_BYTES:
            self._flatten()

    def flat(self) -> Flat:
        """Return all of them as tables."""
        self._flatten()
        tables = {}
        for name in [*self._flats[0].tables]:
            rows = pa.concat_tables([flat.tables.pop(name) for flat in self._flats])  # no longer in two places
            tables[name] = rows.take(in_key_order(rows, table(name).key)) if len(self._flats) > 1 else rows
        return Flat(DESCRIBE_PROJECT_VERSIONS, tables, (), sum(flat.unknown for flat in self._flats))

    def _flatten(self) -> None:
        self._flats.append(_whole(flatten(DESCRIBE_PROJECT_VERSIONS, self.scope, self._pages)))
        self._pages, self._waiting = [], 0


class _Comparison:
    """The versions of two listings, page by page."""

    def __init__(self, scope: Scope, before: Before, known: Bodies, projects: Iterable[str]) -> None:
        self.old = _Side(scope)
        self.new = _Side(scope)
        self._before = before
        self._known = known
        self._outstanding = set(projects)
        self._only_before: dict[str, _Texts] = defaultdict(set)
        self._only_now: dict[str, _Texts] = defaultdict(set)
        self._left: dict[str, set[Place]] = defaultdict(set)
        for place in before.positions:
            if place[0] == DESCRIBE_PROJECT_VERSIONS:
                self._left[place[1]].add(place)

    def see(self, arrived: Arrived) -> None:
        """Compare a page with the one that stood in its place."""
        page, project = arrived.page, arrived.page.project_arn
        if project not in self._outstanding:
            return
        if page.listing > 1 or page.http_status != HTTP_OK or not page.digest:
            raise OvertakenError(project)
        place = place_of(page)
        self._left[project].discard(place)
        if self._before.digests.get(place) != page.digest:
            self._compare(project, self._listed_before(place), page.texts or texts_in(page.body, VERSIONS_KEY))
        if arrived.is_last:
            self._outstanding.discard(project)
            self._finish(project)

    def end(self) -> None:
        """Take the projects that are there no more; OvertakenError if one did not come to its end."""
        if self._outstanding:
            raise OvertakenError(min(self._outstanding))
        for project in sorted(self._left):
            self._finish(project)

    def _listed_before(self, place: Place) -> Sequence[msgspec.Raw]:
        position = self._before.positions.get(place)
        if position is None:
            return ()
        if not self._before.digests[place]:  # it had to be read with care
            raise OvertakenError(place[1])
        return texts_in(self._known.body(position), VERSIONS_KEY)

    def _compare(self, project: str, before: Sequence[msgspec.Raw], now: Sequence[msgspec.Raw]) -> None:
        """Note what only one of two pages has, unless another page of the project had it on the other side."""
        both = min(len(before), len(now))
        unequal = [at for at in range(both) if before[at] != now[at]]
        gone = {bytes(before[at]) for at in chain(unequal, range(both, len(before)))}
        come = {bytes(now[at]) for at in chain(unequal, range(both, len(now)))}
        only_before, only_now = self._only_before[project], self._only_now[project]
        only_before |= gone
        only_now |= come
        moved = only_before & only_now
        only_before -= moved
        only_now -= moved

    def _finish(self, project: str) -> None:
        """Count a project as compared: pages that did not come have gone, with what stands on no other."""
        for place in self._left.pop(project, ()):
            self._compare(project, self._listed_before(place), ())
        self.old.add(project, self._only_before.pop(project, set()))
        self.new.add(project, self._only_now.pop(project, set()))
        if self.old.bytes + self.new.bytes > MOST_BYTES:
            raise OvertakenError(project)


def _whole(flat: Flat) -> Flat:
    """Return it if all of it could be read; OvertakenError if not."""
    if flat.problems:
        raise OvertakenError(str(flat.problems[0]))
    return flat


def _page(place: Place, body: bytes) -> RawPage:
    operation, project, resource, number = place
    return RawPage(operation, project, 1, number, HTTP_OK, NEVER, "", body, resource)

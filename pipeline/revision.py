"""What is new in a scope's listing since the one before, version by version: only that is flattened.

Versions move on to other pages when one is added, and a page with one changed version is another page. So versions are
compared by their text: what is in both listings is as it was, whatever page it stands on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.feed import Arrived
from pipeline.flatten import Flat, flatten, flatten_detail, texts_in
from pipeline.landing import NEVER, Bodies
from pipeline.model import TABLES, table
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS, RESULT_KEYS
from pipeline.model.order import in_key_order
from pipeline.model.page import RawPage, Scope
from pipeline.pieces import PIECE_BYTES, Answers, OvertakenError, projects_first
from pipeline.unchanged import LISTINGS, Before, Place, place_of

MOST_BYTES = 64 << 20
"""Descriptions that only one of the listings has: beyond that, everything is flattened as if it were new."""
HTTP_OK = 200
VERSIONS_KEY = RESULT_KEYS[DESCRIBE_PROJECT_VERSIONS]


_Texts: TypeAlias = set[bytes]


@dataclass(frozen=True, slots=True)
class Revision:
    """What only the listing before has, and only this one: a version that has changed is on both sides.

    `kept` names the tables in which both sides are equal. Of each of the others `replaced` has the ARNs of
    descriptions that only the listing before has, and the rows of those that only this one has. Projects, which are
    few, are all on both sides; `projects` says how many are listed now. `gone` are the ARNs of what could be asked
    about, and is not there any more.
    """

    projects: int
    versions_before: int
    versions_now: int
    """Versions that only the listing before has, and only this one."""
    more_unknown: int
    """How many undeclared members there are more than before."""
    kept: list[str]
    replaced: dict[str, tuple[pa.Array, pa.Table]]
    gone: pa.Array
    details: dict[str, Flat]

    @property
    def more_versions(self) -> int:
        """How many versions there are more than before; below 0 if there are fewer."""
        return self.versions_now - self.versions_before


def revise(
    scope: Scope, arrivals: Iterable[Arrived], before: Before, details: Collection[str], versions: Iterable[pa.Array]
) -> Revision:
    """Compare the pages of a listing, which come as flatten_scope takes them, with those `before`.

    `versions` are the ARNs of the versions there were; they are asked for if a detail is about versions.

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
    versions_of = comparison.sides
    versions_of.flatten()
    resources = new.resources
    if "tags" in details:
        still = pa.concat_arrays([pa.array([], pa.string()), *versions])
        resources += [still.filter(pc.invert(pc.is_in(still, versions_of.arns[0]))), versions_of.arns[1]]
    found = {
        detail: flatten_detail(operation, scope, answers.of_detail(operation, ())).only(pa.concat_arrays(resources))
        for detail, operation in DETAILS.items()
        if detail in details
    }
    was, there = (
        pa.concat_arrays([*flat.resources, arns]) for flat, arns in zip((old, new), versions_of.arns, strict=True)
    )
    differing = {name: (old.arns, rows) for name, rows in new.tables.items() if not old.tables[name].equals(rows)}
    differing |= versions_of.differing()
    return Revision(
        projects=len(new.arns),
        versions_before=len(versions_of.arns[0]),
        versions_now=len(versions_of.arns[1]),
        more_unknown=new.unknown - old.unknown + versions_of.more_unknown,
        kept=[one.name for one in TABLES if one.operation in LISTINGS and one.name not in differing],
        replaced=differing,
        gone=was.filter(pc.invert(pc.is_in(was, there))),
        details=found,
    )


class _Sides:
    """The descriptions of versions that only one of two listings has: before, and now.

    Both are flattened together, some projects at a time. Tables in which these are equal on both sides, such as the
    manifests of models that were started, are not kept in memory.
    """

    def __init__(self, scope: Scope) -> None:
        self.bytes = 0
        self.more_unknown = 0
        """How many undeclared members there are more now than before."""
        self._scope = scope
        self._waiting: tuple[list[RawPage], list[RawPage]] = [], []
        self._waiting_bytes = 0
        self._arns: tuple[list[pa.Array], list[pa.Array]] = [], []
        self._differing: dict[str, tuple[list[pa.Array], list[pa.Table]]] = {}

    def add(self, project: str, before: _Texts, now: _Texts) -> None:
        """Take those of a project; there are no more."""
        for pages, texts in zip(self._waiting, (before, now), strict=True):
            if texts:
                body = b'{"%s":[%s]}' % (VERSIONS_KEY.encode(), b",".join(sorted(texts)))
                pages.append(_page((DESCRIBE_PROJECT_VERSIONS, project, "", 1), body))
                self._waiting_bytes += len(body)
                self.bytes += len(body)
        if self._waiting_bytes >= 2 * PIECE_BYTES:
            self.flatten()

    def flatten(self) -> None:
        """Make tables of those that wait for it."""
        old, new = (_whole(flatten(DESCRIBE_PROJECT_VERSIONS, self._scope, pages)) for pages in self._waiting)
        for known, flat in zip(self._arns, (old, new), strict=True):
            known.append(flat.arns)
        self.more_unknown += new.unknown - old.unknown
        for name, rows in new.tables.items():
            if not old.tables[name].equals(rows):
                arns, found = self._differing.setdefault(name, ([], []))
                arns.append(old.arns)
                found.append(rows)
        self._waiting, self._waiting_bytes = ([], []), 0

    @property
    def arns(self) -> tuple[pa.Array, pa.Array]:
        """The ARNs of what was flattened, before and now."""
        before, now = map(pa.concat_arrays, self._arns)
        return before, now

    def differing(self) -> dict[str, tuple[pa.Array, pa.Table]]:
        """Return of each table that differs the ARNs of old descriptions with other rows, and the new rows, sorted."""
        return {
            name: (pa.concat_arrays(arns), _sorted(pa.concat_tables(found), name))
            for name, (arns, found) in self._differing.items()
        }


def _sorted(rows: pa.Table, name: str) -> pa.Table:
    return rows.take(in_key_order(rows, table(name).key))


class _Comparison:
    """The versions of two listings, page by page."""

    def __init__(self, scope: Scope, before: Before, known: Bodies, projects: Iterable[str]) -> None:
        self.sides = _Sides(scope)
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
        self.sides.add(project, self._only_before.pop(project, set()), self._only_now.pop(project, set()))
        if self.sides.bytes > MOST_BYTES:
            raise OvertakenError(project)


def _whole(flat: Flat) -> Flat:
    """Return it if all of it could be read; OvertakenError if not."""
    if flat.problems:
        raise OvertakenError(str(flat.problems[0]))
    return flat


def _page(place: Place, body: bytes) -> RawPage:
    operation, project, resource, number = place
    return RawPage(operation, project, 1, number, HTTP_OK, NEVER, "", body, resource)

"""From page bodies to one array of items: the fast JSON reader, and the careful one for pages it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from pipeline.errors import PageError
from pipeline.flatten import lenient_json as tolerant
from pipeline.flatten import validation as plain
from pipeline.flatten.members import Members, Nested
from pipeline.flatten.response_schema import Answer
from pipeline.model import Table
from pipeline.model.page import RawPage, Scope

BATCH_PAGES = 20
"""Pages read at a time, about 6 MB: as fast as 10, a third faster than 1 or 100, and a piece is then read at once."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The items of some pages, and for each item the index of the page it stood on."""

    items: Members
    page_index: pa.Array
    problems: tuple[PageError, ...]
    unknown: int

    def nested(self, table: Table, order: pa.Array) -> Nested:
        """Return a nested table's rows, of the descriptions at these positions, in that order."""
        rank = pc.inverse_permutation(order.cast(pa.int64()), max_index=len(self.items) - 1)
        children, parent_at, places, lists = [], [], [], []
        for number, one in enumerate(table.items):
            column = self.items[one.path]
            parent = pc.cast(pc.list_parent_indices(column), pa.int64())
            children.append(column.flatten())
            parent_at.append(parent)
            places.append(_places(column, parent))
            lists.append(pa.repeat(number, len(parent)))
        parents, number = rank.take(pa.concat_arrays(parent_at)), pa.concat_arrays(lists)
        place_of = pc.add(pc.multiply(parents, len(table.items)), number)
        at = pc.sort_indices(place_of)  # stable, so a list keeps its order; what is in no description is last
        at = at[: len(at) - place_of.null_count]
        return Nested(
            items=Members(pa.concat_arrays(children)).take(at),
            parents=parents.take(at),
            lists=number.take(at),
            places=pa.concat_arrays(places).take(at),
        )


def _places(lists: pa.ListArray, parent: pa.Array) -> pa.Array:
    """Return each item's 0-based place in its own list."""
    lengths = pc.cast(pc.fill_null(pc.list_value_length(lists), 0), pa.int64())
    starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
    return pc.subtract(pa.arange(0, len(parent)), starts.take(parent))


def read(pages: Sequence[RawPage], answer: Answer, scope: Scope) -> Listed:
    """Read the items of pages of one operation, in the pages' order."""
    listed, unchecked = _read_all(pages, answer, scope, suspect=False)
    if not (_is_utf8(unchecked.items, pages) and _is_plain(unchecked, answer)):
        listed, _ = _read_all(pages, answer, scope, suspect=True)
    return listed


def _read_all(pages: Sequence[RawPage], answer: Answer, scope: Scope, *, suspect: bool) -> tuple[Listed, Members]:
    """Read batch by batch: fast, and with care where the fast reader refuses; all with care if `suspect`.

    Returns all items, and those among them that were read fast and still have to be looked at.
    """
    arrays: list[pa.StructArray] = []
    fast: list[pa.StructArray] = []
    indices: list[pa.Array] = []
    problems: list[PageError] = []
    unknown = 0
    for start in range(0, len(pages), BATCH_PAGES):
        batch = pages[start : start + BATCH_PAGES]
        lists = None if suspect else _read_fast([page.body for page in batch], answer)
        if lists is None:
            bodies, batch_unknown = _clean(batch, answer, scope, problems)
            unknown += batch_unknown
            lists = _read_json(bodies, answer)
            arrays.append(lists.flatten())
        else:
            arrays.append(lists.flatten())
            fast.append(arrays[-1])
        indices.append(pc.add(pc.list_parent_indices(lists), start))
    members = Members(_in_one(arrays, answer.item_type))
    unchecked = members if len(fast) == len(arrays) else Members(_in_one(fast, answer.item_type))
    return Listed(members, _in_one(indices, pa.int64()), tuple(problems), unknown), unchecked


def _in_one(arrays: Sequence[pa.Array], kind: pa.DataType) -> pa.Array:
    """Return arrays as one; the only one as it is, without a copy."""
    if len(arrays) == 1:
        return arrays[0]
    return pa.concat_arrays([pa.array([], kind), *arrays])


def _read_fast(bodies: Sequence[bytes], answer: Answer) -> pa.ListArray | None:
    """Read bodies that hold only declared members with fitting values; None if there is anything else."""
    try:
        listed = _read_json(bodies, answer)
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    return listed if len(listed) == len(bodies) and not listed.null_count else None


def _read_json(bodies: Sequence[bytes], answer: Answer) -> pa.ListArray:
    """Run pyarrow.json over newline-joined bodies; one list a body."""
    lines = b"\n".join(body.replace(b"\n", b" ").replace(b"\r", b" ") for body in bodies)
    table = pj.read_json(
        pa.BufferReader(lines),
        # the callers run in parallel, one batch each: threads inside would only contend
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        # "ignore" would drop undeclared members unseen, "infer" stumbles over some of them (lists of nulls)
        parse_options=pj.ParseOptions(explicit_schema=answer.schema, unexpected_field_behavior="error"),
    )
    lists = table.column(answer.result_key)
    return lists.chunk(0) if lists.num_chunks == 1 else lists.combine_chunks()


def _is_utf8(items: pa.StructArray, pages: Sequence[RawPage]) -> bool:
    """Whether all strings are valid; looked at only where a body has other bytes than ASCII, or escapes."""
    if all(page.body.isascii() and b"\\" not in page.body for page in pages):
        return True
    try:
        items.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_plain(items: Members, answer: Answer) -> bool:
    """Whether the fast reader's result can be trusted: what it accepts though it should not is looked for here."""
    lists = [(Members(items[one.path].flatten()), table) for table in answer.nested for one in table.items]
    return plain.has_keys(items[answer.key]) and all(
        plain.is_plain(rows, table) and plain.has_no_extra(rows) for rows, table in [(items, answer.root), *lists]
    )


def _clean(
    pages: Sequence[RawPage], answer: Answer, scope: Scope, problems: list[PageError]
) -> tuple[list[bytes], int]:
    """Rewrite pages one by one; a page that cannot be read becomes an empty one and a problem that names it."""
    bodies = []
    unknown = 0
    for page in pages:
        try:
            cleaned = tolerant.clean(page.body, answer)
        except tolerant.UnreadableError as error:
            problems.append(_problem(page, scope, str(error)))
            cleaned = tolerant.CleanPage(b'{"%s":[]}' % answer.result_key.encode())
        problems.extend(_problem(page, scope, reason) for reason in cleaned.problems)
        bodies.append(cleaned.body)
        unknown += cleaned.unknown
    return bodies, unknown


def _problem(page: RawPage, scope: Scope, reason: str) -> PageError:
    return PageError(
        f"{page.describe(scope)}: {reason}. The page is kept in the landing as it came; its other items are in "
        "the tables. Sync again; if it stays, report it with that page."
    )

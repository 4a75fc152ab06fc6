"""Page bodies to one array of items, by pyarrow's JSON reader; batches that it refuses go to the lenient reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from pipeline.errors import PageError
from pipeline.flatten import lenient_json, validation
from pipeline.flatten.members import Members
from pipeline.flatten.response_schema import Answer
from pipeline.model.page import RawPage, Scope

BATCH_PAGES = 20
"""Pages per call of the reader, about 6 MB: a third faster than 1 or 100."""


@dataclass(frozen=True, slots=True)
class Items:
    """The items of some pages, and for each item the index of its page.

    `unknown` counts the members that went to EXTRA_MEMBER. `is_lenient` says whether the lenient reader had to read a
    batch.
    """

    items: Members
    page_index: pa.Array
    problems: tuple[PageError, ...]
    unknown: int
    is_lenient: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    """A list of items for each page of a batch, and the problems found."""

    lists: pa.ListArray
    problems: tuple[PageError, ...] = ()
    unknown: int = 0
    is_lenient: bool = False


def read(pages: Sequence[RawPage], answer: Answer, scope: Scope) -> Items:
    """Read the items of pages of one operation, in the pages' order."""
    starts = range(0, len(pages), BATCH_PAGES)
    batches = [_read_batch(pages[start : start + BATCH_PAGES], answer, scope) for start in starts]
    items = [batch.lists.flatten() for batch in batches]
    indices = [pc.add(pc.list_parent_indices(batch.lists), start) for start, batch in zip(starts, batches, strict=True)]
    return Items(
        items=Members(pa.concat_arrays([pa.array([], answer.item_type), *items])),
        page_index=pa.concat_arrays([pa.array([], pa.int64()), *(index.cast(pa.int64()) for index in indices)]),
        problems=tuple(problem for batch in batches for problem in batch.problems),
        unknown=sum(batch.unknown for batch in batches),
        is_lenient=any(batch.is_lenient for batch in batches),
    )


def _read_batch(pages: Sequence[RawPage], answer: Answer, scope: Scope) -> _Batch:
    """Read pages fast if they hold only declared members with fitting values; leniently otherwise."""
    try:
        lists = _read_json([page.body for page in pages], answer)
        is_whole = len(lists) == len(pages) and not lists.null_count
        if is_whole and validation.can_be_trusted(Members(lists.flatten()), answer, [page.body for page in pages]):
            return _Batch(lists)
    except (pa.ArrowException, UnicodeDecodeError):
        pass  # the lenient reader says what is wrong, page by page
    return _read_leniently(pages, answer, scope)


def _read_leniently(pages: Sequence[RawPage], answer: Answer, scope: Scope) -> _Batch:
    """Rewrite pages one by one, then read them. A page that cannot be read counts as empty and is a problem."""
    bodies: list[bytes] = []
    problems: list[PageError] = []
    unknown = 0
    for page in pages:
        try:
            cleaned = lenient_json.clean(page.body, answer)
        except lenient_json.UnreadableError as error:
            problems.append(_problem(page, scope, str(error)))
            cleaned = lenient_json.CleanPage(b'{"%s":[]}' % answer.result_key.encode())
        problems.extend(_problem(page, scope, reason) for reason in cleaned.problems)
        bodies.append(cleaned.body)
        unknown += cleaned.unknown
    return _Batch(_read_json(bodies, answer), tuple(problems), unknown, is_lenient=True)


def _read_json(bodies: Sequence[bytes], answer: Answer) -> pa.ListArray:
    """Run pyarrow.json over the bodies, one a line. Return a list of items for each."""
    lines = b"\n".join(body.replace(b"\n", b" ").replace(b"\r", b" ") for body in bodies)
    table = pj.read_json(
        pa.BufferReader(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        # "ignore" would drop undeclared members silently, and "infer" fails on some of them (lists of nulls)
        parse_options=pj.ParseOptions(explicit_schema=answer.schema, unexpected_field_behavior="error"),
    )
    lists = table.column(answer.result_key)
    return lists.chunk(0) if lists.num_chunks == 1 else lists.combine_chunks()


def _problem(page: RawPage, scope: Scope, reason: str) -> PageError:
    return PageError(
        f"{page.describe(scope)}: {reason}. The raw page is kept, and its other items are in the tables. Sync again; "
        "if the error stays, report it with that page."
    )

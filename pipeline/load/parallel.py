"""Work on threads with the results in order, and only so much of it under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def ordered_map(work: Callable[[Given], Made], given: Iterable[Given], *, ahead: int = 1) -> Iterator[Made]:
    """Yield work(x) for each x in order, done by another thread; at most `ahead` are taken before their turn.

    So memory stays flat. If there is only one, no thread is started for it.
    """
    rest = iter(given)
    first = list(islice(rest, 2))
    if len(first) < 2:  # noqa: PLR2004  # two is what threads are for
        yield from map(work, first)
        return
    under_way: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for one in chain(first, rest):
                under_way.append(pool.submit(work, one))
                if len(under_way) > ahead:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

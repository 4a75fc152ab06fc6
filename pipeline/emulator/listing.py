"""One page of a listing as bytes: its items, the next token, and the faults that pages can have."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pipeline.emulator.dice import Dice
from pipeline.emulator.tokens import Position, Tokens
from pipeline.emulator.wire import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.emulator.faults import FaultKind

Ending = Literal["absent", "empty", "vary"]
"""How a listing ends: without NextToken, with `""`, or the one or the other by listing."""


@dataclass(frozen=True)
class Listing:
    """What a client pages through: the items of an operation in a scope, under its filters."""

    name: str
    """Operation, scope and filters: tokens and cached pages belong to it."""
    result_key: str
    items: Sequence[Any]


class PageCache:
    """Encoded items of pages, least recently used ones dropped above `limit` bytes. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._pages: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int, int], make: Callable[[], bytes]) -> bytes:
        """Return the bytes kept under `key`, made if there are none."""
        with self._lock:
            kept = self._pages.get(key)
            if kept is not None:
                self._pages.move_to_end(key)
                return kept
        made = make()
        with self._lock:
            if key not in self._pages:
                self._pages[key] = made
                self._size += len(made)
            while self._size > self._limit and self._pages:
                _, dropped = self._pages.popitem(last=False)
                self._size -= len(dropped)
        return made

    def clear(self) -> None:
        """Forget all pages."""
        with self._lock:
            self._pages.clear()
            self._size = 0


class Pager:
    """Makes the pages of listings."""

    def __init__(self, tokens: Tokens, cache: PageCache, ending: Ending, seed: int) -> None:
        self._tokens = tokens
        self._cache = cache
        self._ending = ending
        self._seed = seed

    @staticmethod
    def is_last(listing: Listing, position: Position, size: int) -> bool:
        """Whether no item follows the page."""
        return position.start + size >= len(listing.items)

    def page(self, listing: Listing, position: Position, size: int, sent: str | None, fault: FaultKind | None) -> bytes:
        """JSON of the page at `position`, of at most `size` items; `sent` is the token the client sent."""
        if fault == "empty_page_with_token":
            return self._body(listing, b"[]", self._tokens.mint(listing.name, replace(position, after_empty=True)))
        start = position.start
        if fault == "repeat_item" and start > 0 and size > 1:  # with one item a page it would never end
            start -= 1
        stop = min(start + size, len(listing.items))
        items = self._cache.get((listing.name, start, stop), lambda: encode(listing.items[start:stop]))
        return self._body(listing, items, self._next_token(listing, position, stop, sent, fault))

    def _next_token(
        self, listing: Listing, position: Position, stop: int, sent: str | None, fault: FaultKind | None
    ) -> str | None:
        if fault == "repeat_token":
            return sent
        if stop < len(listing.items):
            return self._tokens.mint(listing.name, Position(stop, position.page + 1))
        if fault == "empty_token" or self._ending == "empty":
            return ""
        if self._ending == "vary" and Dice(self._seed, "last token", listing.name).chance(0.5):
            return ""
        return None

    @staticmethod
    def _body(listing: Listing, items: bytes, token: str | None) -> bytes:
        ending = b"" if token is None else b',"NextToken":' + encode(token)
        return b'{"' + listing.result_key.encode() + b'":' + items + ending + b"}"

"""Pages of listings, and the opaque tokens that lead from one page to the next."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pipeline.emulator.json_protocol import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNATURE_BYTES = 48  # makes a token about as long as AWS's


@dataclass(frozen=True)
class Listing:
    """The items that a client pages through."""

    name: str
    """Operation, scope and filters: tokens are valid for one listing only."""
    result_key: str
    items: Sequence[Any]
    page_size: int

    def is_last(self, position: Position) -> bool:
        """Return whether the page at `position` is the last one."""
        return position.start + self.page_size >= len(self.items)


@dataclass(frozen=True)
class Position:
    """Where a page starts in its listing."""

    start: int = 0
    """Index of the page's first item."""
    page: int = 1
    """Number of the page, from 1."""
    after_empty: bool = False
    """The page before was an extra page without items (a fault)."""


class Paginator:
    """Makes pages and tokens; the same seed reads its tokens again after a restart."""

    def __init__(self, seed: int) -> None:
        self._key = f"tokens/{seed}".encode()

    def position(self, listing: str, token: str | None) -> Position | None:
        """Return where the page for a token starts; None for a token of another listing."""
        if token is None:
            return Position()
        try:
            raw = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        payload = raw[_SIGNATURE_BYTES:]
        if not payload or raw[:_SIGNATURE_BYTES] != self._signature(listing, payload):
            return None
        start, page, after_empty = map(int, payload.split(b"."))
        return Position(start, page, bool(after_empty))

    def token(self, listing: str, position: Position) -> str:
        """Return the token that stands for a position."""
        payload = f"{position.start}.{position.page}.{int(position.after_empty)}".encode()
        return base64.b64encode(self._signature(listing, payload) + payload).decode()

    def page(self, listing: Listing, position: Position, token: str | None, fault: str | None) -> bytes:
        """Return the page at `position` as JSON; `token` is the one that the client sent."""
        if fault == "empty_page_with_token":
            return _body(listing, [], self.token(listing.name, replace(position, after_empty=True)))
        start = position.start
        if fault == "repeat_item" and start > 0 and listing.page_size > 1:  # a page of one item would never advance
            start -= 1
        stop = start + listing.page_size
        if fault == "repeat_token":
            next_token = token
        elif stop < len(listing.items):
            next_token = self.token(listing.name, Position(stop, position.page + 1))
        else:
            next_token = "" if fault == "empty_token" or self._ends_with_empty_token(listing.name) else None
        return _body(listing, listing.items[start:stop], next_token)

    def _ends_with_empty_token(self, listing: str) -> bool:
        """AWS ends some listings with an empty NextToken and others without the member; so do we."""
        return self._signature(listing, b"end")[0] % 2 == 0

    def _signature(self, listing: str, payload: bytes) -> bytes:
        return blake2b(listing.encode() + b"\n" + payload, digest_size=_SIGNATURE_BYTES, key=self._key).digest()


def _body(listing: Listing, items: Sequence[Any], next_token: str | None) -> bytes:
    body = {listing.result_key: items}
    return encode(body if next_token is None else {**body, "NextToken": next_token})

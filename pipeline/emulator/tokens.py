"""Opaque pagination tokens: they hold the position, and are good for the listing they came from only."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import blake2b

_SIGNATURE_BYTES = 48  # makes a token about as long as the service's


class InvalidTokenError(ValueError):
    """The token was not minted for this listing."""


@dataclass(frozen=True)
class Position:
    """Where a page starts in its listing."""

    start: int = 0
    """Index of the page's first item."""
    page: int = 1
    """Number of the page, counted from 1."""
    after_empty: bool = False
    """The page before this one was an extra, empty one (a fault)."""


class Tokens:
    """Mints and reads the tokens of one emulator; the same seed reads them again after a restart."""

    def __init__(self, seed: int) -> None:
        self._key = f"tokens/{seed}".encode()

    def mint(self, listing: str, position: Position) -> str:
        """Token for the page at `position` of the listing named `listing` (operation, scope and filters)."""
        payload = f"{position.start}.{position.page}.{int(position.after_empty)}".encode()
        return base64.b64encode(self._signature(listing, payload) + payload).decode()

    def read(self, listing: str, token: str) -> Position:
        """Position that `token` stands for.

        Raises:
            InvalidTokenError: it was not minted for this listing.

        """
        try:
            raw = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidTokenError(token) from error
        payload = raw[_SIGNATURE_BYTES:]
        if raw[:_SIGNATURE_BYTES] != self._signature(listing, payload) or not payload:
            raise InvalidTokenError(token)
        start, page, after_empty = payload.split(b".")
        return Position(int(start), int(page), after_empty == b"1")

    def _signature(self, listing: str, payload: bytes) -> bytes:
        return blake2b(listing.encode() + b"\n" + payload, digest_size=_SIGNATURE_BYTES, key=self._key).digest()

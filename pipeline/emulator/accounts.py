"""Access keys that say whose they are, so that a client can be of any account without a role."""

from __future__ import annotations

import re

DEFAULT_ACCOUNT = "111122223333"
"""Account of the published samples, and of every key that names no other."""

_KEY = re.compile(r"AKIATEST(\d{12})")


def key_for(account: str) -> str:
    """Return the access key that the emulator takes for one of `account`."""
    return f"AKIATEST{account}"


def account_in_key(access_key: str) -> str | None:
    """Return the account that a key from `key_for` names; None for other keys."""
    match = _KEY.fullmatch(access_key)
    return match[1] if match else None

"""Nothing secret in what is shown: keys, tokens and the external id are taken out of texts that others wrote."""

from __future__ import annotations

import re
from typing import Any

from pipeline.extract.failures import HIDDEN, without_secrets

LONGEST = 500
"""Characters of a text that are shown."""
_SHORTEST_SECRET = 8
"""Anything shorter may be a word, and hides nothing."""
_KEYS = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")


class Veil:
    """Hides the secrets that it was told of, and what looks like one."""

    def __init__(self, *secrets: str | None) -> None:
        self._secrets: set[str] = set()
        self.hide(*secrets)

    def hide(self, *secrets: str | None) -> None:
        """Hide these from now on."""
        self._secrets.update(one for one in secrets if one and len(one) >= _SHORTEST_SECRET)

    def hide_credentials(self, frozen: Any) -> None:
        """Hide what is secret in botocore's credentials."""
        self.hide(frozen.access_key, frozen.secret_key, frozen.token)

    def over(self, text: str) -> str:
        """Return the text on one line, cut if it is long, without anything secret."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = _KEYS.sub(HIDDEN, without_secrets(" ".join(text.split())))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

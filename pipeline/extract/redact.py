"""Redact what is secret in texts that others wrote: keys, tokens, passwords and the external id."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"
LONGEST = 500
"""Characters of a text that are shown."""
_SHORTEST_SECRET = 8
"""Anything shorter may be a word, and protects nothing."""
_KEYS = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_SECRETS = (
    re.compile(r"(//)[^/\s]+(?=@)"),
    re.compile(r"(\b(?:Authorization|X-Amz-Security-Token)['\"]?\s*[:=]\s*(?:AWS4-\S+\s+)?)\S+", re.IGNORECASE),
    re.compile(r"(\b(?:Credential|Signature|ExternalId)=)[^\s&,]+", re.IGNORECASE),
)
"""Secrets, each after what may be shown: users and passwords in URLs, and what signs a request."""


def without_secrets(text: str) -> str:
    """Return the text without users and passwords in its URLs, and without what signs a request.

    AWS answers a signature that does not match with the request as it saw it, the session's token in it; a proxy's
    page may repeat the request, too.
    """
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


class Redactor:
    """Redacts the secrets that it knows, and what looks like one."""

    def __init__(self, *secrets: str | None) -> None:
        self._secrets: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str | None) -> None:
        """Redact these from now on."""
        self._secrets.update(secret for secret in secrets if secret and len(secret) >= _SHORTEST_SECRET)

    def add_credentials(self, frozen: Any) -> None:
        """Redact what is secret in botocore's credentials from now on."""
        self.add(frozen.access_key, frozen.secret_key, frozen.token)

    def redact(self, text: str) -> str:
        """Return the text on one line, cut if it is long, without anything secret."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = _KEYS.sub(HIDDEN, without_secrets(" ".join(text.split())))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

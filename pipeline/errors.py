"""Every error reklake raises on purpose, grouped by what the caller should do about it."""

from __future__ import annotations

from types import MappingProxyType


class ReklakeError(Exception):
    """Root of the tree. A message says what it is about, what happened, and what to do next, without other context."""


class UsageError(ReklakeError):
    """The request is not valid: correct the flags, the settings or the SQL and run again."""


class FatalError(ReklakeError):
    """The run cannot go on and nothing was published. The lake is unchanged."""


class LakeError(FatalError):
    """The lake's own files are missing, damaged or of an unknown kind."""


class BusyError(ReklakeError):
    """Another writer has the lake, or has moved CURRENT. Nothing is lost, and the same command can run again."""


SCOPE_ERRORS = MappingProxyType(
    {
        "denied": "the credentials may not list there",
        "credentials": "there are no good credentials, or the role cannot be assumed",
        "region_not_enabled": "the credentials are good, but the account has not enabled the region",
        "unsupported": "Custom Labels is not offered in the region",
        "throttled": "throttles only, for longer than patience lasts",
        "unreachable": "no connection, or no answer",
        "bad_answer": "an answer that is no page, or cannot be understood",
        "service": "an error of the service that has no remedy of ours",
        "stopped": "the run was stopped",
        "incomplete": "replayed, but not listed to its end by that run",
        "older": "replayed, but older than the rows that are there",
    }
)
"""The kinds of failures of a scope, each with its meaning."""


class ScopeError(ReklakeError):
    """A scope could not be listed to its end. The other scopes go on.

    `kind` is a stable word for machines, one of SCOPE_ERRORS. The message is for people.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class PageError(ReklakeError):
    """The body of a landed page cannot be read. Other pages are kept.

    The message names the account, region, project and page.
    """

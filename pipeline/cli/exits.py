"""The exit codes, which scripts and cron rely on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from pipeline.errors import SCOPE_ERRORS, UsageError

if TYPE_CHECKING:
    from pipeline.jobs.run_context import RunResult


class Exit(IntEnum):
    """Every exit code of a command; a command stopped by Ctrl-C ends with 130, Python's own."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    CHECKS = 4
    BUSY = 75
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class FailOn:
    """Which failures make a run that published exit with PARTIAL: any, none, or those of some kinds."""

    kinds: frozenset[str] = frozenset(SCOPE_ERRORS)
    is_any: bool = False
    """Whether what went wrong after publishing counts, too."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `any`, `all` (only if all scopes failed) or kinds, separated by commas; else UsageError."""
        if text == "any":
            return cls(is_any=True)
        if text == "all":
            return cls(frozenset())
        kinds = frozenset(kind.strip() for kind in text.split(","))
        if unknown := sorted(kinds - SCOPE_ERRORS.keys()):
            raise UsageError(
                f"--fail-on {text}: unknown kind of failure {unknown[0] or '(empty)'}. Give any, all, or some of "
                f"{', '.join(SCOPE_ERRORS)}."
            )
        return cls(kinds)

    def is_met(self, result: RunResult) -> bool:
        """Whether a run's result has such failures."""
        from pipeline.lake.run_record import Outcome

        scopes = result.record.scopes
        kinds = {scope.error_kind for scope in scopes if scope.outcome is Outcome.FAILED}
        kinds |= {part.error_kind for scope in scopes for part in scope.details if part.outcome is Outcome.FAILED}
        is_of_kind = not self.kinds.isdisjoint(kinds)
        is_other = self.is_any and (result.record.outcome is not Outcome.COMPLETE or result.warning is not None)
        return is_of_kind or is_other


ANY_FAILURE = FailOn(is_any=True)

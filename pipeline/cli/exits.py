"""What the exit codes mean; scripts and cron rely on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from pipeline.errors import SCOPE_ERRORS, UsageError

if TYPE_CHECKING:
    from pipeline.jobs.run_context import Result


class Exit(IntEnum):
    """Every code that a command ends with."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    CHECKS = 4
    BUSY = 75
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class FailOn:
    """Which failures make a run that published end with PARTIAL: of any kind, of none, or of some."""

    kinds: frozenset[str] = frozenset(SCOPE_ERRORS)
    is_any: bool = False
    """Also what went wrong after publishing."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `any`, `all` (only if all scopes failed) or kinds, divided by commas; UsageError if neither."""
        if text == "any":
            return cls(is_any=True)
        if text == "all":
            return cls(frozenset())
        kinds = frozenset(one.strip() for one in text.split(","))
        if unknown := sorted(kinds - SCOPE_ERRORS.keys()):
            raise UsageError(
                f"--fail-on {text}: {unknown[0] or 'nothing'} is no kind of failure. Give any, all, or some of "
                f"{', '.join(SCOPE_ERRORS)}."
            )
        return cls(kinds)

    def is_met(self, result: Result) -> bool:
        """Whether a run's result has such failures."""
        from pipeline.lake.run_record import Outcome

        scopes = result.record.scopes
        kinds = {one.error_kind for one in scopes if one.outcome is Outcome.FAILED}
        kinds |= {detail.error_kind for one in scopes for detail in one.details if detail.outcome is Outcome.FAILED}
        is_of_kind = not self.kinds.isdisjoint(kinds)
        is_other = self.is_any and (result.record.outcome is not Outcome.COMPLETE or result.warning is not None)
        return is_of_kind or is_other


ANY_FAILURE = FailOn(is_any=True)

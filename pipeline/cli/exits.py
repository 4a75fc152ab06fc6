"""What the exit codes mean; scripts and cron rely on them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Every code that a command ends with."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    CHECKS = 4
    BUSY = 75
    TERMINATED = 143

"""What the emulator raises to the program that starts it (its clients see AWS errors over HTTP instead)."""

from __future__ import annotations


class EmulatorError(Exception):
    """The emulator cannot do what was asked; the message says what to change."""


class EmulatorUnavailableError(EmulatorError):
    """moto, on which the emulator stands for S3, STS and Organizations, is not installed."""

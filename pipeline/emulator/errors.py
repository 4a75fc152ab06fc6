"""Errors for the program that starts the emulator; its clients get AWS errors over HTTP instead."""

from __future__ import annotations


class EmulatorError(Exception):
    """The emulator cannot do what was asked; the message says what to change."""

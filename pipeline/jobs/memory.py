"""One heap for a sync, from which what it has freed goes back to the system between scopes."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def use_one_heap() -> None:
    """Let Arrow allocate as Python does, and glibc keep one arena. Call it before threads are started.

    By default Arrow has a heap of its own, and glibc an arena for each thread that makes a call. A body that one thread
    receives and another frees leaves a hole in each.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    _glibc("mallopt", M_ARENA_MAX, 1)


def give_back() -> None:
    """Return what was freed to the system."""
    _glibc("malloc_trim", 0)


def _glibc(name: str, *arguments: int) -> None:
    """Call a function that glibc has; musl and other systems do not."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function:
        function(*arguments)

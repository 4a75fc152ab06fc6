from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.flatten import uniform


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What texts of other tests were like is forgotten."""
    uniform._memory.cache_clear()
    yield
    uniform._memory.cache_clear()

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.flatten import matching


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What texts of other tests were like is forgotten."""
    matching.memory_of.cache_clear()
    yield
    matching.memory_of.cache_clear()

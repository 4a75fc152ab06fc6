from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipeline.lake import memory


@pytest.fixture
def pool() -> Iterator[None]:
    before = pa.default_memory_pool()
    yield
    pa.set_memory_pool(before)


@pytest.mark.usefixtures("pool")
def test_arrow_uses_jemalloc_where_its_build_has_that(monkeypatch: pytest.MonkeyPatch):
    pa.set_memory_pool(pa.system_memory_pool())
    memory.choose_allocators()
    has_it = "jemalloc" in pa.supported_memory_backends()
    assert pa.default_memory_pool().backend_name == ("jemalloc" if has_it else "system")

    def absent() -> None:
        raise NotImplementedError

    pa.set_memory_pool(pa.system_memory_pool())
    monkeypatch.setattr(pa, "jemalloc_memory_pool", absent)
    memory.choose_allocators()
    assert pa.default_memory_pool().backend_name == "system"


@pytest.mark.usefixtures("pool")
def test_what_was_freed_is_given_back(monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []

    class Pool:
        def release_unused(self) -> None:
            told.append("arrow")

    monkeypatch.setattr(pa, "default_memory_pool", Pool)
    memory.give_back()
    assert told == ["arrow"]


def test_a_c_library_without_the_functions_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    class Library:
        def __getattr__(self, name: str) -> None:
            asked.append(name)
            raise AttributeError(name)

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: Library())
    memory.give_back()
    assert asked == (["malloc_trim"] if sys.platform == "linux" else [])

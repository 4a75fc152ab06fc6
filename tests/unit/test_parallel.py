"""Work on threads: in order, one behind another, and what goes wrong in any of them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

from pipeline.load.parallel import ordered_map


def through_two(first: Callable[[int], int], second: Callable[[int], int], count: int = 50) -> list[int]:
    return list(ordered_map(second, ordered_map(first, range(count))))


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_what_two_threads_do_one_behind_the_other_comes_in_order(count: int):
    assert through_two(lambda one: one + 1, lambda one: 2 * one, count) == [2 * one for one in range(1, count + 1)]


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("at", [0, 7, 49])
def test_an_error_of_either_is_told_and_no_thread_is_left(failing: int, at: int):
    def fail(one: int) -> int:
        if one == at:
            raise OSError(f"number {one}")
        return one

    before = threading.active_count()
    works = [lambda one: one, fail]
    with pytest.raises(OSError, match=f"number {at}"):
        through_two(works[1 - failing], works[failing])
    gc.collect()
    assert threading.active_count() == before


def test_little_is_taken_before_its_turn():
    taken = 0

    def given():
        nonlocal taken
        for one in range(50):
            taken = one + 1
            yield one

    for number, _ in enumerate(ordered_map(lambda one: one, ordered_map(lambda one: one, given())), 1):
        assert taken <= number + 4

"""A pool of threads that nobody waits for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipeline.extract.threads import DaemonThreads

SOON = 10.0
"""Seconds that a test waits at most for what should happen at once."""


def run_all(threads: DaemonThreads, calls: int, function) -> list[object]:
    async def gathered() -> list[object]:
        return await asyncio.gather(*(threads.run(function, number) for number in range(calls)), return_exceptions=True)

    try:
        return asyncio.run(gathered())
    finally:
        threads.close()


def test_calls_run_side_by_side_up_to_the_size():
    barrier = threading.Barrier(8, timeout=SOON)
    names = set()

    def meet(number: int) -> int:
        barrier.wait()  # raises if fewer than eight come
        names.add(threading.current_thread().name)
        return number

    assert run_all(DaemonThreads(8), 40, meet) == list(range(40))
    assert len(names) == 8


def test_what_a_call_raises_is_raised_to_its_caller_alone():
    def fail(number: int) -> int:
        if number == 1:
            raise KeyError(number)
        return number

    results = run_all(DaemonThreads(2), 3, fail)
    assert (results[0], results[2]) == (0, 2)
    assert isinstance(results[1], KeyError)


def test_where_no_more_threads_can_be_had_those_there_are_do_all(monkeypatch: pytest.MonkeyPatch):
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "reklake-3":
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert run_all(DaemonThreads(8), 50, lambda number: number) == list(range(50))


def test_nobody_waits_for_a_call_that_is_stuck():
    stuck = threading.Event()
    threads = DaemonThreads(2)

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await threads.run(stuck.wait)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    threads.close()
    assert not stuck.is_set()
    stuck.set()

"""The threads on which an event loop makes calls that wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads:
    """A thread pool that nobody waits for: a call that is stuck delays neither the end of a run nor of the process.

    Python joins the threads of its own ThreadPoolExecutor when the interpreter exits, and a call may take a minute.
    """

    def __init__(self, size: int) -> None:
        """Start at most so many threads, each when it is first needed."""
        self._size = size
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def run(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Return what a thread's call of the function returns; if that is cancelled, a call under way goes on.

        For the coroutines of one event loop.
        """
        future: Future[T] = Future()
        self._work.put(partial(_run, future, partial(function, *arguments, **options)))
        if not self._idle.acquire(blocking=False) and self._started < self._size:
            self._start()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let each thread end when it has done its work; waits for none."""
        for _ in range(self._started):
            self._work.put(None)

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work_on, name=f"reklake-{self._started + 1}", daemon=True).start()
        except RuntimeError:  # containers and Lambda limit threads: those that run do all the work
            if not self._started:
                raise
        else:
            self._started += 1

    def _work_on(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._idle.release()


def _run(future: Future[T], function: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001  # raised again by whoever waits for the future
        future.set_exception(error)
    else:
        future.set_result(result)

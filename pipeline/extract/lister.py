"""List many scopes side by side, with the same threads and clients; each ends by itself, well or not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self, TypeVar

from pipeline.errors import ScopeError
from pipeline.extract.calls import Calls, Counters
from pipeline.extract.clients import Clients
from pipeline.extract.listing import list_scope
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Target
from pipeline.extract.threads import DaemonThreads
from pipeline.model.operations import DEFAULT_DETAILS
from pipeline.model.page import RawPage, Scope

T = TypeVar("T")

THREADS = 256
"""At most. At 200 ms an answer they make 1,280 calls a second, more than the CPU of one machine can take."""


@dataclass(slots=True)
class Listed:
    """How a scope's listing ended; `details` maps each detail asked for to its error, if any."""

    error: ScopeError | None
    counters: Counters
    details: dict[str, ScopeError | None]
    seconds: float


class Sink(Protocol):
    """Where a scope's pages go. The listings' thread calls all but `store`; what they raise ends the run."""

    def begin(self) -> None:
        """Get ready: the first call is about to leave."""

    def page(self, page: RawPage) -> None:
        """Take a page, quickly: other scopes wait meanwhile."""

    def end(self, listed: Listed) -> None:
        """Take note that there are no more."""

    def store(self) -> Any:
        """Store what came, on a thread of its own, as it may wait; what this returns is the result of the listing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far listings have come: scopes under way, calls of each, and sums; `quota` is in calls a second."""

    running: int
    calls: dict[Scope, int]
    pages: int
    versions: int
    throttles: int
    quota: float


class Lister:
    """Listings under way: coroutines on one thread, and the threads that make their calls.

    Use as a context manager; leaving it stops what has not ended, and waits for no call.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._settings = sessions.settings
        self._clients = Clients(sessions)
        self._threads = DaemonThreads(THREADS)
        self._turns = asyncio.Semaphore(self._settings.scopes)
        self._begun: list[Calls] = []
        self._running: set[Calls] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reklake-listings", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._threads.close()

    def begin(self, target: Target, sink: Sink) -> Future[Any]:
        """List a scope into the sink, now or when its turn has come; the future has what the sink makes of the end.

        A scope that fails has ended all the same; the future raises only what the sink raised. It is cancelled if the
        lister is left before the scope's turn.
        """
        ended: Future[Any] = Future()
        calls = Calls(target.scope, self._clients.of(target), self._threads, self._settings)
        self._begun.append(calls)
        self._loop.call_soon_threadsafe(self._start, calls, sink, ended)
        return ended

    def reading(self) -> Reading:
        """Return how far all listings have come."""
        begun, running = list(self._begun), list(self._running)
        return Reading(
            running=len(running),
            calls={calls.scope: calls.counters.calls for calls in begun},
            pages=sum(calls.counters.pages for calls in begun),
            versions=sum(calls.counters.versions for calls in begun),
            throttles=sum(calls.counters.throttles for calls in begun),
            quota=sum(calls.quota for calls in running),
        )

    def _start(self, calls: Calls, sink: Sink, ended: Future[Any]) -> None:
        task = self._loop.create_task(self._list(calls, sink, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: ended.cancel())  # does nothing where the listing has ended

    async def _list(self, calls: Calls, sink: Sink, ended: Future[Any]) -> None:
        async with self._turns:
            self._running.add(calls)
            try:
                ended.set_result(await self._list_into(sink, calls))
            except _SinkError as error:
                ended.set_exception(error.cause)
            except Exception as error:  # noqa: BLE001  # raised by whoever waits for the future
                ended.set_exception(error)
            finally:
                self._running.discard(calls)

    async def _list_into(self, sink: Sink, calls: Calls) -> Any:
        """List a scope; returns what the sink makes of it."""
        details = DEFAULT_DETAILS if self._settings.details is None else self._settings.details
        listed = Listed(None, calls.counters, dict.fromkeys(details), 0.0)
        started = time.monotonic()
        try:
            _guarded(sink.begin)
            listed.details = await list_scope(calls, partial(_guarded, sink.page), details)
        except ScopeError as error:
            listed.error = error
        except asyncio.CancelledError:
            listed.error = ScopeError(f"{calls.scope}: the run was stopped. Sync again.", kind="stopped")
        listed.seconds = time.monotonic() - started
        _guarded(sink.end, listed)
        return await self._threads.run(_guarded, sink.store)

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_asyncgens()


class _SinkError(Exception):
    """What a sink raised, be it KeyboardInterrupt, which would end the event loop."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(cause)
        self.cause = cause


def _guarded(step: Callable[..., T], *arguments: Any) -> T:
    """Return what a sink's method returns; _SinkError holds whatever it raises."""
    try:
        return step(*arguments)
    except BaseException as error:
        raise _SinkError(error) from error

"""Call one scope: each operation at its own pace, and again while a failure may pass."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from pipeline.errors import ScopeError
from pipeline.extract.clients import Client
from pipeline.extract.failures import bad_answer, explain, is_throttle, is_transient
from pipeline.extract.pacing import TokenBucket, retry_delay
from pipeline.extract.response import Answer
from pipeline.extract.threads import DaemonThreads
from pipeline.model.operations import Operation
from pipeline.model.page import Scope
from pipeline.settings import AwsSettings

SLOW_ANSWER, MOST_IN_FLIGHT = 0.5, 10
"""Seconds that an answer may take without the rate suffering, and the most calls in flight for that."""


@dataclass(slots=True)
class Counters:
    """What a scope's calls came to; every attempt counts."""

    by_operation: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    versions: int = 0
    retries: int = 0
    throttles: int = 0

    @property
    def calls(self) -> int:
        """Attempts of all operations."""
        return self.by_operation.total()


class Calls:
    """How one scope is called. Its coroutines belong to one event loop; the calls are made by `threads`."""

    def __init__(self, scope: Scope, client: Client, threads: DaemonThreads, settings: AwsSettings) -> None:
        self.scope = scope
        self.counters = Counters()
        self.in_flight = max(settings.in_flight, min(MOST_IN_FLIGHT, round(settings.rate * SLOW_ANSWER)))
        """How many calls of an operation may be in flight."""
        self._client = client
        self._threads = threads
        self._settings = settings
        self._paces: dict[str, _Pace] = {}

    @property
    def quota(self) -> float:
        """Calls a second that may be made as things stand: the rates of the operations that are being called."""
        return self._settings.rate * sum(pace.callers > 0 for pace in list(self._paces.values()))

    async def call(self, operation: Operation, arn: str, token: str, doing: str) -> Answer:
        """Call an operation for a resource, and again while a failure may pass; `doing` names the call in messages.

        Raises what the last attempt came to: ScopeError for an answer that cannot be believed, else what boto3 raises.
        """
        pace = self._pace(operation)
        pace.callers += 1
        try:
            return await self._call(pace, operation, arn, token, doing)
        finally:
            pace.callers -= 1

    async def _call(self, pace: _Pace, operation: Operation, arn: str, token: str, doing: str) -> Answer:
        attempts, failing_since = 0, math.inf
        while True:
            sent_at = await pace.leave()
            outcome = await self._attempt(operation, arn, token, doing)
            attempts += 1
            self.counters.by_operation[operation.name] += 1
            self.counters.retries += attempts > 1
            self.counters.throttles += isinstance(outcome, Exception) and is_throttle(outcome)
            pace.answered(outcome, sent_at)
            if isinstance(outcome, Answer):
                return outcome
            now = time.monotonic()
            failing_since = min(failing_since, now)
            patience = self._settings.patience - (now - max(failing_since, pace.accepted_at))
            is_throttled = is_throttle(outcome)
            may_help = is_throttled or (_may_pass(outcome) and attempts < self._settings.max_attempts)
            if patience <= 0 or not may_help:
                raise outcome
            if not is_throttled:  # after a throttle, the pace says when the call may leave
                await asyncio.sleep(min(patience, retry_delay(attempts)))

    async def explained(self, error: Exception, doing: str) -> ScopeError:
        """Return the error in words; may call STS to find out more."""
        return await self._threads.run(
            explain, error, self.scope, doing, is_accepted_elsewhere=self._client.is_accepted_at_home
        )

    async def _attempt(self, operation: Operation, arn: str, token: str, doing: str) -> Answer | Exception:
        try:
            answer = await self._threads.run(self._client.call, operation.name, operation.parameters(arn, token))
        except Exception as error:  # noqa: BLE001  # looked at by the caller, whatever it is
            return error
        flaw = answer.examined.flaw
        return bad_answer(self.scope, doing, flaw) if flaw else answer

    def _pace(self, operation: Operation) -> _Pace:
        if operation.name not in self._paces:
            self._paces[operation.name] = _Pace(TokenBucket(self._settings.rate, self._settings.burst))
        return self._paces[operation.name]


def _may_pass(failure: Exception) -> bool:
    """Whether the call may succeed in a moment: also where the answer could not be believed (ScopeError)."""
    return isinstance(failure, ScopeError) or is_transient(failure)


class _Pace:
    """Lets the calls of one operation leave as its bucket allows, first come, first served."""

    def __init__(self, bucket: TokenBucket) -> None:
        self.callers = 0
        self.accepted_at = -math.inf
        """When a call was last answered with a page."""
        self._bucket = bucket
        self._queue = asyncio.Lock()
        self._has_news = asyncio.Event()

    async def leave(self) -> float:
        """Wait until a call may leave, and count it; returns when that is."""
        async with self._queue:
            while (wait := self._bucket.due(time.monotonic()) - time.monotonic()) > 0:
                self._has_news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if math.isinf(wait) else wait):
                        await self._has_news.wait()
            now = time.monotonic()
            self._bucket.take(now)
            return now

    def answered(self, outcome: Answer | Exception, sent_at: float) -> None:
        """Count an answer, or that there was none."""
        now = time.monotonic()
        if isinstance(outcome, Answer):
            self.accepted_at = now
            self._bucket.accepted(now)
        elif is_throttle(outcome):
            self._bucket.throttled(now, sent_at)
        else:
            self._bucket.answered(now)
        self._has_news.set()  # the next call may leave sooner than it seemed, or later

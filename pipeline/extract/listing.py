"""List one scope: its projects, every project's versions, and what details ask of each resource, call by call.

Every answer decides what is asked next, so a listing is a state that answers move on; it never waits.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from pipeline.errors import ScopeError
from pipeline.extract.clients import Client
from pipeline.extract.crew import Crew, Lane
from pipeline.extract.failures import bad_answer, code_of, explain, is_passing, is_throttle
from pipeline.extract.pacing import TokenBucket
from pipeline.extract.request import DETAIL_OF, Request
from pipeline.extract.resources import projects_on, versions_on
from pipeline.extract.response import BODY, PAGE, Examined
from pipeline.model.operations import (
    DESCRIBE_DATASET,
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    DETAILS,
    LIST_PROJECT_POLICIES,
    LIST_TAGS_FOR_RESOURCE,
)
from pipeline.model.page import RawPage, Scope
from pipeline.settings import AwsSettings

MAX_LISTINGS = 5
"""How often a listing is begun again when its token expires, before the scope is given up."""
SLOW_ANSWER, MOST_IN_FLIGHT = 0.5, 10
"""Seconds that an answer may take without the rate suffering, and the most calls under way for that."""
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0
"""Seconds before a call that was cut or not answered is made again, and before the last of many times."""


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


@dataclass(slots=True)
class Listed:
    """How a scope's listing ended; `details` maps each detail asked for to its error, if any."""

    error: ScopeError | None
    counters: Counters
    details: dict[str, ScopeError | None]
    seconds: float


class Sink(Protocol):
    """Where a scope's pages go. Called by several threads, one at a time; what it raises ends the whole run."""

    def begin(self) -> None:
        """Get ready: the first call is about to leave."""

    def page(self, page: RawPage, *, is_last: bool) -> None:
        """Take a page; `is_last` says whether it ends the listing of what it was asked about."""

    def end(self, listed: Listed) -> Any:
        """Be done; what this returns is the result of the listing."""


class Listing:
    """One scope on its way. `details` are asked too; their failures are their own."""

    def __init__(
        self, scope: Scope, client: Client, crew: Crew, settings: AwsSettings, sink: Sink, details: Collection[str]
    ) -> None:
        self.scope = scope
        self.counters = Counters()
        self._client = client
        self._crew = crew
        self._settings = settings
        self._sink = sink
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._answered_at: dict[str, float] = {}
        self._open: dict[str | None, int] = dict.fromkeys([None, *details], 0)
        """Requests that are waiting or under way: of the scope itself (None), and of each detail."""
        self._details: dict[str, ScopeError | None] = dict.fromkeys(details)
        self._started = 0.0
        self._on_end: Callable[[Any, BaseException | None], None] = lambda *_: None
        self._asked: set[tuple[str, str]] = set()
        """Operations with the ARNs that they were asked about: a repeated item is asked about once."""
        self._projects: dict[str, list[str]] = {}
        """The projects with their datasets, as far as they are listed."""
        self._is_ended = False

    def start(self, on_end: Callable[[Any, BaseException | None], None]) -> None:
        """Begin; `on_end` is called once, with what the sink made of it or with what broke the run."""
        self._on_end = on_end
        self._started = time.monotonic()
        self._guarded(self._begin)

    def stop(self, error: ScopeError) -> None:
        """End it here and now; what is still under way is forgotten."""
        self._guarded(partial(self._end, error))

    @property
    def quota(self) -> float:
        """Calls a second that it may make as things stand: the rates of the operations that have something to ask."""
        return sum(lane.bucket.base for lane in list(self._lanes.values()) if lane.is_busy)

    def _begin(self) -> None:
        self._sink.begin()
        self._ask(Request(DESCRIBE_PROJECTS))

    def _guarded(self, step: Callable[[], None]) -> None:
        """Take one step, alone; what goes wrong in it that is no ScopeError is the run's."""
        with self._lock:
            if self._is_ended:
                return
            try:
                try:
                    step()
                except ScopeError as error:
                    self._end(error)
            except BaseException as error:  # noqa: BLE001  # raised again by whoever waits for the listing
                self._is_ended = True
                self._on_end(None, error)

    # -- asking

    def _ask(self, request: Request, *, is_next: bool = False) -> None:
        if request.detail and self._details[request.detail]:
            return  # it has failed already
        self._open[request.detail] += 1
        self._lane(request.operation).add(partial(self._make, request), is_next=is_next)

    def _ask_about(self, operation: str, project_arn: str, resources: Iterable[str]) -> None:
        """Ask about each resource, unless its detail is not wanted or it has been asked about."""
        detail = DETAIL_OF.get(operation)
        for arn in resources if detail is None or detail in self._details else ():
            if (operation, arn) not in self._asked:
                self._asked.add((operation, arn))
                self._ask(Request(operation, project_arn, resource_arn=arn if detail else ""))

    def _lane(self, operation: str) -> Lane:
        if operation not in self._lanes:
            settings = self._settings
            in_flight = max(settings.in_flight, min(MOST_IN_FLIGHT, round(settings.rate * SLOW_ANSWER)))
            bucket = TokenBucket(settings.rate, settings.burst)
            self._lanes[operation] = self._crew.lane(bucket, in_flight)
        return self._lanes[operation]

    def _make(self, request: Request) -> None:
        """Make the call, in a thread of the crew."""
        if self._is_ended:
            return
        sent_at = time.monotonic()
        answer: Mapping[str, Any] | None = None
        failure: Exception | None = None
        try:
            answer = self._client.call(request.operation, request.parameters)
        except Exception as error:  # noqa: BLE001  # looked at below, whatever it is
            failure = error
        self._guarded(partial(self._settle, request, answer, failure, sent_at))

    # -- settling what came

    def _settle(
        self, request: Request, answer: Mapping[str, Any] | None, failure: Exception | None, sent_at: float
    ) -> None:
        self.counters.by_operation[request.operation] += 1
        self.counters.retries += request.attempts > 0
        if request.detail and self._details[request.detail]:
            return  # its detail has failed meanwhile
        try:
            if failure is not None:
                self._settle_failure(request, failure, sent_at)
            elif answer is not None:
                self._settle_answer(request, answer, sent_at)
        except ScopeError as error:
            if request.detail is None:
                raise
            self._fail_detail(request.detail, error)
        self._end_if_done()

    def _settle_answer(self, request: Request, answer: Mapping[str, Any], sent_at: float) -> None:
        lane = self._lanes[request.operation]
        examined: Examined = answer[PAGE]
        if examined.flaw:
            lane.answered(lambda bucket, now: bucket.answered(now))
            if self._asked_again(request):
                return
            raise bad_answer(self.scope, request.doing, examined.flaw)
        self._answered_at[request.operation] = time.monotonic()
        lane.answered(lambda bucket, now: bucket.accepted(now), took=time.monotonic() - sent_at)
        token = examined.token
        self._take(request, self._page(request, answer, examined), is_last=not token)
        self.counters.versions += examined.items if request.operation == DESCRIBE_PROJECT_VERSIONS else 0
        if token and token in request.tokens:
            raise bad_answer(
                self.scope, request.doing, "the service sent a page token it had sent before, which would never end"
            )
        if token:
            request.tokens.add(token)
            self._ask(
                request.again(token=token, number=request.number + 1, attempts=0, failed_since=None), is_next=True
            )
        self._close(request)

    def _settle_failure(self, request: Request, failure: Exception, sent_at: float) -> None:
        lane = self._lanes[request.operation]
        if is_throttle(failure):
            self.counters.throttles += 1
            lane.answered(lambda bucket, now: bucket.throttled(now, sent_at))
            if self._patience_left(request) > 0:
                again = request.again(attempts=request.attempts + 1, failed_since=request.failed_since or sent_at)
                lane.add(partial(self._make, again), is_next=True)
                return
        elif is_passing(failure):
            lane.answered(lambda bucket, now: bucket.answered(now))
            if self._asked_again(request):
                return
        else:
            lane.answered(lambda bucket, now: bucket.answered(now))
        code = code_of(failure)
        if code == "ResourceNotFoundException" and request.project_arn:
            gone = self._page(request.again(number=0), failure.response)  # type: ignore[attr-defined]  # AWS's
            self._sink.page(gone, is_last=True)
        elif code == "InvalidPaginationTokenException" and request.token and request.listing < MAX_LISTINGS:
            first = {"listing": request.listing + 1, "number": 1, "token": "", "tokens": set()}
            self._ask(request.again(**first, attempts=0, failed_since=None), is_next=True)
        else:
            raise explain(failure, self.scope, request.doing, is_accepted_elsewhere=self._client.is_accepted_at_home)
        self._close(request)

    def _asked_again(self, request: Request) -> bool:
        """Ask again in a moment for what was cut or not answered, unless it has been too often or too long."""
        attempts = request.attempts + 1
        patience = self._patience_left(request)
        if attempts >= self._settings.max_attempts or patience <= 0:
            return False
        ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2**attempts)
        delay = min(patience, random.uniform(ceiling / 2, ceiling))  # noqa: S311  # jitter, not a secret
        again = request.again(attempts=attempts, failed_since=request.failed_since or time.monotonic())
        self._lanes[request.operation].add(partial(self._make, again), delay=delay)
        return True

    def _patience_left(self, request: Request) -> float:
        """Return for how many seconds to go on asking: since the last answer, or since this call first failed."""
        now = time.monotonic()
        since = max(request.failed_since or now, self._answered_at.get(request.operation, 0.0))
        return self._settings.patience - (now - since)

    def _take(self, request: Request, page: RawPage, *, is_last: bool) -> None:
        """Hand a page over, and ask about what stands on it."""
        self._sink.page(page, is_last=is_last)
        self.counters.pages += 1
        try:
            if request.operation == DESCRIBE_PROJECTS:
                known = self._projects if request.number > 1 else {}
                self._projects = known | dict(projects_on(page))
                if is_last:
                    self._ask_about_projects()
            elif request.operation == DESCRIBE_PROJECT_VERSIONS and "tags" in self._details:
                self._ask_about(LIST_TAGS_FOR_RESOURCE, request.project_arn, versions_on(page))
        except ValueError as error:  # JSON all the same, such as a number of 5,000 digits
            raise bad_answer(self.scope, request.doing, f"what it lists cannot be read: {error}") from error

    def _ask_about_projects(self) -> None:
        """Ask about each project, once all are known: in the order in which the tables hold what is answered."""
        for arn, datasets in sorted(self._projects.items()):
            self._ask_about(DESCRIBE_PROJECT_VERSIONS, arn, [arn])
            self._ask_about(DESCRIBE_DATASET, arn, datasets)
            self._ask_about(LIST_PROJECT_POLICIES, arn, [arn])
            self._ask_about(LIST_TAGS_FOR_RESOURCE, arn, [arn, *datasets])

    def _page(self, request: Request, answer: Mapping[str, Any], examined: Examined | None = None) -> RawPage:
        metadata = answer["ResponseMetadata"]
        return RawPage(
            operation=request.operation,
            project_arn=request.project_arn,
            listing=request.listing,
            page_number=request.number,
            http_status=metadata["HTTPStatusCode"],
            observed_at=datetime.now(UTC),
            request_id=metadata.get("RequestId", ""),
            body=answer[BODY],
            resource_arn=request.resource_arn,
            digest=examined.digest if examined else b"",
            texts=examined.listed if examined else (),
        )

    # -- ending

    def _close(self, request: Request) -> None:
        self._open[request.detail] -= 1

    def _fail_detail(self, detail: str, error: ScopeError) -> None:
        self._details[detail] = error
        self._open[detail] = 0
        self._lanes[DETAILS[detail]].clear()

    def _end_if_done(self) -> None:
        if not any(self._open.values()):
            self._end(None)

    def _end(self, error: ScopeError | None) -> None:
        self._is_ended = True
        for lane in self._lanes.values():
            lane.clear()
        seconds = time.monotonic() - self._started
        self._on_end(self._sink.end(Listed(error, self.counters, self._details, seconds)), None)

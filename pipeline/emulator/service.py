"""From a request to its answer: who calls, is it within the quota, is it well formed, what exists."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.emulator.answers import Answer, ServiceError, damaged, fault_error, throttled
from pipeline.emulator.dice import Dice
from pipeline.emulator.faults import ANSWER_KINDS, PAGE_KINDS, CallSite, Fault, FaultInjector, FaultKind
from pipeline.emulator.listing import Ending, Listing, PageCache, Pager
from pipeline.emulator.operations import OPERATIONS, listing_name, project_name
from pipeline.emulator.quota import Quota
from pipeline.emulator.tokens import InvalidTokenError, Position, Tokens
from pipeline.emulator.validation import problem_message, problems
from pipeline.emulator.wire import JsonObject, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.emulator.world import World

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/rekognition/aws4_request")
_LARGEST_PAGE = 100
_LARGEST_POLICY_PAGE = 5
_CALLS_KEPT = 100_000


@dataclass(frozen=True)
class Call:
    """One call as the emulator saw it."""

    operation: str
    account: str
    region: str
    project_arn: str | None
    token: str | None
    """NextToken that the client sent."""
    page: int
    status: int
    """HTTP status; 0 when the connection was reset."""
    error: str | None
    """AWS error code."""
    fault: FaultKind | None
    """The rule that struck."""
    time: float
    """When the call came in, seconds on the monotonic clock."""
    request_id: str


@dataclass(frozen=True)
class Options:
    """How the service behaves, whatever it serves."""

    seed: int = 0
    tps: float | None = None
    """Quota of calls a second for each operation, account and region; None: no quota."""
    throttle_rate: float = 0.0
    """Share of calls that are throttled at random (seeded)."""
    latency: float = 0.0
    """Seconds that every answer takes at least."""
    page_size: int = _LARGEST_PAGE
    """Items on a page at most, whatever MaxResults allows."""
    ending: Ending = "vary"
    """How listings end: NextToken absent, empty, or the one or the other by listing."""
    cache_bytes: int = 32 * 1024 * 1024
    """Encoded pages kept in memory."""


@dataclass(frozen=True)
class Reply:
    """An answer, how much later it is sent, and under which id."""

    answer: Answer
    seconds: float
    request_id: str


@dataclass(frozen=True)
class _Request:
    operation: str
    account: str = ""
    region: str = ""
    params: JsonObject = field(default_factory=dict)

    @property
    def token(self) -> str | None:
        """NextToken as sent; `""` asks for the first page, as its absence does."""
        token = self.params.get("NextToken")
        return token if isinstance(token, str) and token else None

    @property
    def listing(self) -> str:
        return listing_name(self.operation, self.account, self.region, self.params)


@dataclass(frozen=True)
class _Outcome:
    answer: Answer
    fault: FaultKind | None = None
    seconds: float = 0.0
    page: int = 1


class RekognitionService:
    """Answers the Custom Labels operations from a world. Thread-safe."""

    def __init__(
        self,
        world: World,
        faults: Iterable[Fault],
        options: Options,
        account_of: Callable[[str], str],
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self._options = options
        self._account_of = account_of
        self._on_call = on_call
        self._tokens = Tokens(options.seed)
        self._cache = PageCache(options.cache_bytes)
        self._pager = Pager(self._tokens, self._cache, options.ending, options.seed)
        self._quota = Quota(options.tps)
        self._count = itertools.count(1)
        self._world = world
        self._injector = FaultInjector(faults, options.seed)
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        """The latest calls, oldest first."""

    def use(self, world: World | None = None, faults: Iterable[Fault] | None = None) -> None:
        """Serve another world, or go by other faults, from now on."""
        if world is not None:
            self._world = world
            self._cache.clear()
        if faults is not None:
            self._injector = FaultInjector(faults, self._options.seed)

    def reply(self, operation: str, authorization: str | None, body: bytes) -> Reply:
        """Answer one call of one of OPERATIONS; a client's mistake is an answer, never an exception."""
        now = time.monotonic()
        count = next(self._count)
        request_id = _request_id(self._options.seed, count)
        request = _Request(operation)
        try:
            account, region = self._caller(authorization)
            request = _Request(operation, account, region, _parsed(body))
            outcome = self._outcome(request, count, now)
        except ServiceError as error:
            outcome = _Outcome(error.answer())
        self._record(request, outcome, now, request_id)
        return Reply(outcome.answer, outcome.seconds, request_id)

    def _caller(self, authorization: str | None) -> tuple[str, str]:
        if not authorization:
            raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        match = _CREDENTIAL.search(authorization)
        if match is None:
            raise ServiceError(
                "IncompleteSignatureException",
                "Authorization header requires a 'Credential' whose scope is the rekognition service",
                403,
            )
        return self._account_of(match["key"]), match["region"]

    def _outcome(self, request: _Request, count: int, now: float) -> _Outcome:
        options = self._options
        in_quota = self._quota.allows((request.account, request.region, request.operation), now)
        if not in_quota or Dice(options.seed, "throttle", count).chance(options.throttle_rate):
            return _Outcome(throttled().answer(), seconds=options.latency)
        position = self._position(request)
        site = CallSite(
            operation=request.operation,
            account=request.account,
            region=request.region,
            project=project_name(request.params),
            page=position.page if position is not None else 1,
            has_token=request.token is not None,
            after_empty=position is not None and position.after_empty,
        )
        strike = self._injector.strike(site, ANSWER_KINDS)
        kind = strike.fault.kind if strike.fault is not None else None
        try:
            if strike.fault is not None and (error := fault_error(strike.fault, site)) is not None:
                raise error
            body, page_kind = self._result(request, position, site)
            answer = Answer(200, body)
            kind = kind or page_kind
        except ServiceError as error:
            answer = error.answer()
        if strike.fault is not None:
            answer = damaged(answer, strike.fault)
        return _Outcome(answer, kind, options.latency + strike.seconds, site.page)

    def _position(self, request: _Request) -> Position | None:
        """Where the asked page starts; None for a token that is not of this listing."""
        if request.token is None:
            return Position()
        try:
            return self._tokens.read(request.listing, request.token)
        except InvalidTokenError:
            return None

    def _result(self, request: _Request, position: Position | None, site: CallSite) -> tuple[bytes, FaultKind | None]:
        """Body of the true answer, and the fault that its page has."""
        found = problems(request.operation, request.params)
        if found:
            raise ServiceError("InvalidParameterException", problem_message(found))
        if position is None:
            raise ServiceError("InvalidPaginationTokenException", "The pagination token is not valid")
        operation = OPERATIONS[request.operation]
        result = operation(self._world, request.account, request.region, request.params)
        if not isinstance(result, Listing):
            return encode(result), None
        largest = _LARGEST_POLICY_PAGE if request.operation == "ListProjectPolicies" else _LARGEST_PAGE
        size = min(request.params.get("MaxResults") or largest, self._options.page_size)
        site = dataclasses.replace(site, is_last=self._pager.is_last(result, position, size))
        fault = self._injector.strike(site, PAGE_KINDS).fault
        kind = fault.kind if fault is not None else None
        return self._pager.page(result, position, size, request.token, kind), kind

    def _record(self, request: _Request, outcome: _Outcome, now: float, request_id: str) -> None:
        arn = request.params.get("ProjectArn")
        call = Call(
            operation=request.operation,
            account=request.account,
            region=request.region,
            project_arn=arn if isinstance(arn, str) else None,
            token=request.token,
            page=outcome.page,
            status=0 if outcome.answer.ending == "reset" else outcome.answer.status,
            error=outcome.answer.error,
            fault=outcome.fault,
            time=now,
            request_id=request_id,
        )
        self.calls.append(call)
        if self._on_call is not None:
            self._on_call(call)


def _parsed(body: bytes) -> JsonObject:
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", "The request body is not JSON") from error
    if not isinstance(params, dict):
        raise ServiceError("SerializationException", "The request body is not a JSON object")
    return params


def _request_id(seed: int, count: int) -> str:
    return str(uuid.UUID(Dice(seed, "request", count).hexadecimal(32)))

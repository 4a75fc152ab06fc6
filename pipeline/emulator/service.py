"""From a request to its answer: who calls, within the quota or not, what exists, what goes wrong."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.emulator.faults import FaultRules
from pipeline.emulator.json_protocol import Answer, JsonObject, ServiceError, encode
from pipeline.emulator.operations import OPERATIONS
from pipeline.emulator.pagination import Listing, Paginator, Position
from pipeline.emulator.quota import Quota
from pipeline.emulator.random_stream import RandomStream
from pipeline.emulator.request import Request, parse_body, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.emulator.faults import Fault
    from pipeline.emulator.world import World

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/rekognition/aws4_request")
LARGEST_PAGE = 100
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
    fault: str | None
    """The rule that struck."""
    time: float
    """When the call came in, in seconds of the monotonic clock."""
    request_id: str


class RekognitionService:
    """Answers the Custom Labels operations from a world. Thread-safe."""

    def __init__(
        self,
        world: World,
        faults: Iterable[Fault],
        account_of: Callable[[str], str],
        *,
        seed: int = 0,
        tps: float | None = None,
        latency: float = 0.0,
        page_size: int = LARGEST_PAGE,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        """Initialise a service; `account_of` gives the account of an access key, `Emulator` describes the rest."""
        self._world = world
        self._rules = FaultRules(faults, seed)
        self._account_of = account_of
        self._seed = seed
        self._quota = Quota(tps)
        self._latency = latency
        self._page_size = page_size
        self._on_call = on_call
        self._paginator = Paginator(seed)
        self._numbers = itertools.count(1)
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        """The latest calls, oldest first."""

    def use(self, world: World | None = None, faults: Iterable[Fault] | None = None) -> None:
        """Serve another world or apply other faults from now on."""
        if world is not None:
            self._world = world
        if faults is not None:
            self._rules = FaultRules(faults, self._seed)

    def answer(self, operation: str, authorization: str | None, body: bytes) -> Answer:
        """Answer one call of one of OPERATIONS; mistakes of the client are answers, never exceptions."""
        received = time.monotonic()
        request, position, fault = Request(operation), None, None
        try:
            account, region = self._caller(authorization)
            request = Request(operation, account, region, parse_body(body))
            position = self._paginator.position(request.listing, request.token)
            if self._quota.allows((account, region, operation), received):
                answer, fault = self._answer_within_quota(request, position)
            else:
                answer = ServiceError("ThrottlingException", "Rate exceeded").answer()
        except ServiceError as error:
            answer = error.answer()
        request_id = str(uuid.UUID(RandomStream(self._seed, "request", next(self._numbers)).hexadecimal(32)))
        arn = request.params.get("ProjectArn")
        call = Call(
            operation=operation,
            account=request.account,
            region=request.region,
            project_arn=arn if isinstance(arn, str) else None,
            token=request.token,
            page=position.page if position is not None else 1,
            status=0 if answer.ending == "reset" else answer.status,
            error=answer.error,
            fault=fault,
            time=received,
            request_id=request_id,
        )
        self.calls.append(call)
        if self._on_call:
            self._on_call(call)
        return dataclasses.replace(answer, seconds=answer.seconds + self._latency, request_id=request_id)

    def _caller(self, authorization: str | None) -> tuple[str, str]:
        """Return the account and region that a request is signed for."""
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

    def _answer_within_quota(self, request: Request, position: Position | None) -> tuple[Answer, str | None]:
        """Return the answer and the kind of fault that struck it."""
        result = self._result(request, position)
        position = position or Position()
        listing = result if isinstance(result, Listing) else None
        fault, seconds = self._rules.strike(request, position, listing)
        kind = fault.kind if fault is not None else None
        error = fault.error(request) if fault is not None else None
        if error is not None:
            answer = error.answer()
        elif isinstance(result, ServiceError):
            answer = result.answer()
        elif isinstance(result, Listing):
            answer = Answer(200, self._paginator.page(result, position, request.token, kind))
        else:
            answer = Answer(200, encode(result))
        if fault is not None:
            answer = fault.damage(answer)
        return dataclasses.replace(answer, seconds=seconds), kind

    def _result(self, request: Request, position: Position | None) -> Listing | JsonObject | ServiceError:
        """Return what the operation gives, before any fault."""
        violated = problems(request.operation, request.params)
        if violated:
            errors = "error" if len(violated) == 1 else "errors"
            message = f"{len(violated)} validation {errors} detected: {'; '.join(violated)}"
            return ServiceError("InvalidParameterException", message)
        if position is None:
            return ServiceError("InvalidPaginationTokenException", "The pagination token is not valid")
        try:
            result = OPERATIONS[request.operation](self._world, request)
        except ServiceError as error:
            return error
        if isinstance(result, dict):
            return result
        result_key, items = result
        largest = _LARGEST_POLICY_PAGE if request.operation == "ListProjectPolicies" else LARGEST_PAGE
        page_size = min(request.params.get("MaxResults") or largest, self._page_size)
        return Listing(request.listing, result_key, items, page_size)

"""Faults that rules inject into the answers: throttles, broken bodies, odd pages."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from pipeline.emulator.dice import Dice
from pipeline.emulator.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FaultKind = Literal[
    "throttle",
    "throttle_500",
    "provisioned_throughput",
    "internal_error",
    "access_denied",
    "region_not_enabled",
    "unknown_operation",
    "expired_token",
    "vanished",
    "cut_body",
    "short_body",
    "html",
    "reset",
    "raw_body",
    "latency",
    "empty_page_with_token",
    "empty_token",
    "repeat_token",
    "repeat_item",
]

PAGE_KINDS = frozenset({"empty_page_with_token", "empty_token", "repeat_token", "repeat_item"})
"""Kinds that change a page of a listing; the others replace or damage the whole answer."""


@dataclass(frozen=True)
class CallSite:
    """What is known of a call when its rules are looked up."""

    operation: str
    account: str
    region: str
    project: str | None
    """Name of the project in the request's ARN."""
    page: int
    """Number of the page, counted from 1."""
    has_token: bool
    after_empty: bool = False
    """The page before was the extra, empty one."""
    is_last: bool = False
    """No page follows; known only once the listing is."""


@dataclass(frozen=True)
class Fault:
    """One rule: what goes wrong (`kind`), for which calls, and how often.

    | kind | what the client sees |
    |---|---|
    | throttle, throttle_500 | ThrottlingException with HTTP 400 or 500 |
    | provisioned_throughput | ProvisionedThroughputExceededException, 400 |
    | internal_error | InternalServerError, 500 |
    | access_denied | AccessDeniedException, 400 |
    | region_not_enabled | UnrecognizedClientException, 400: as a region answers that the account has not enabled |
    | unknown_operation | UnknownOperationException, 400 |
    | expired_token | InvalidPaginationTokenException for a call that carries a token; once without `times` |
    | vanished | ResourceNotFoundException from DescribeProjectVersions |
    | cut_body | 200 whose JSON ends in the middle, Content-Length to match |
    | short_body | 200 whose Content-Length promises more than is sent before the connection closes |
    | html | 200 with an HTML page |
    | reset | the connection reset (TCP RST) without an answer |
    | raw_body | `body`, as it is, with `status` and `content_type` |
    | latency | the true answer, `seconds` late; rules after it still apply |
    | empty_page_with_token | an extra page without items before the true one |
    | empty_token | `"NextToken": ""` on the last page |
    | repeat_token | the token that was sent comes back as the next one |
    | repeat_item | the last item of the page before stands first on this page too |

    A rule applies to the calls that fit all of operation, region, account, project and page that are given.
    Of these it takes each one; or the `nth` (from 1); or every `every`-th; or each with `probability`.
    """

    kind: FaultKind
    operation: str | None = None
    region: str | None = None
    account: str | None = None
    project: str | None = None
    """Name of the project, for operations that take an ARN."""
    page: int | None = None
    """Page of the listing, counted from 1."""
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    """How often the rule may strike; None: no limit (expired_token: once)."""
    seconds: float = 0.0
    """Delay of a latency rule."""
    body: bytes = b""
    """Answer of a raw_body rule."""
    status: int = 200
    """HTTP status of a raw_body rule."""
    content_type: str = "application/x-amz-json-1.1"
    """Content type of a raw_body rule."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise EmulatorError(f"unknown fault {self.kind!r}; known are {', '.join(get_args(FaultKind))}")
        if sum(given is not None for given in (self.nth, self.every, self.probability)) > 1:
            raise EmulatorError(f"fault {self.kind}: give one of nth, every and probability")
        for name in ("nth", "every", "times", "page"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise EmulatorError(f"fault {self.kind}: {name} counts from 1, not {value}")
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise EmulatorError(f"fault {self.kind}: probability lies in 0..1, not {self.probability}")
        if self.seconds < 0.0:
            raise EmulatorError(f"fault {self.kind}: seconds cannot be negative, as {self.seconds} is")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a rule written as `kind[,name=value...]`, for example `throttle,probability=0.1,times=20`.

        Raises:
            EmulatorError: the text names an unknown kind or field, or a value of the wrong kind.

        """
        kind, *pairs = (part.strip() for part in text.split(","))
        types = {spec.name: str(spec.type) for spec in dataclasses.fields(cls) if spec.name != "kind"}
        values: dict[str, Any] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals or name not in types:
                raise EmulatorError(f"fault {text!r}: {pair!r} is not one of {', '.join(types)} with =value")
            try:
                values[name] = _converted(value, types[name])
            except ValueError as error:
                raise EmulatorError(f"fault {text!r}: {value!r} is no value for {name}") from error
        return cls(kind, **values)  # type: ignore[arg-type]  # checked by __post_init__

    def fits(self, site: CallSite) -> bool:
        """Whether the rule is about such calls at all."""
        return self._is_possible(site) and all(
            wanted is None or wanted == actual
            for wanted, actual in (
                (self.operation, site.operation),
                (self.region, site.region),
                (self.account, site.account),
                (self.project, site.project),
                (self.page, site.page),
            )
        )

    def _is_possible(self, site: CallSite) -> bool:
        match self.kind:
            case "expired_token" | "repeat_token":
                return site.has_token
            case "vanished":
                return site.operation == "DescribeProjectVersions"
            case "empty_page_with_token":
                return not site.after_empty
            case "empty_token":
                return site.is_last
            case "repeat_item":
                return site.page > 1
            case _:
                return True

    @property
    def limit(self) -> int | None:
        """How often the rule may strike; None: no limit."""
        return 1 if self.times is None and self.kind == "expired_token" else self.times


def _converted(value: str, annotation: str) -> object:
    if annotation.startswith("int"):
        return int(value)
    if annotation.startswith("float"):
        return float(value)
    return value.encode() if annotation.startswith("bytes") else value


@dataclass(frozen=True)
class Strike:
    """The rules that struck a call."""

    fault: Fault | None
    seconds: float
    """Delay that latency rules add."""


class FaultInjector:
    """Looks up the rules in their order and counts; thread-safe. The first rule that is due strikes."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._faults: Sequence[Fault] = tuple(faults)
        self._seed = seed
        self._seen = [0] * len(self._faults)
        self._struck = [0] * len(self._faults)
        self._lock = threading.Lock()

    def strike(self, site: CallSite, kinds: frozenset[str]) -> Strike:
        """Decide what happens to a call, from the rules of these kinds. Each call is counted."""
        struck: Fault | None = None
        seconds = 0.0
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.kind not in kinds or not fault.fits(site):
                    continue
                self._seen[index] += 1
                if struck is not None or not self._is_due(index, fault):
                    continue
                self._struck[index] += 1
                if fault.kind == "latency":
                    seconds += fault.seconds
                else:
                    struck = fault
        return Strike(struck, seconds)

    def _is_due(self, index: int, fault: Fault) -> bool:
        seen = self._seen[index]
        if fault.limit is not None and self._struck[index] >= fault.limit:
            return False
        if fault.nth is not None:
            return seen == fault.nth
        if fault.every is not None:
            return seen % fault.every == 0
        if fault.probability is not None:
            return Dice(self._seed, "fault", index, seen).chance(fault.probability)
        return True


ANSWER_KINDS = frozenset(get_args(FaultKind)) - PAGE_KINDS
"""Kinds that replace, damage or delay the whole answer."""

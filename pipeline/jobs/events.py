"""What a run reports while it is under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.extract import Reading
from pipeline.model.page import Scope


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run.

    `name` is one of started, resumed, page, scope, flattening, published, unchanged. `scope` is the scope it is about,
    if any. `detail` is a message for people, `facts` are the same for machines. `is_whole` says, when a scope has
    ended, whether it was listed to its end. `outlook` comes with started.
    """

    name: str
    scope: Scope | None = None
    detail: str = ""
    is_whole: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a sync is about to do, for a progress display.

    `calls` has the calls that each scope took when it was last listed to its end; new scopes are not in it. `rate` is
    in calls a second. `read` returns how far the listings have come.
    """

    scopes: int
    calls: Mapping[Scope, int]
    rate: float
    read: Callable[[], Reading]


Observer = Callable[[Event], None]

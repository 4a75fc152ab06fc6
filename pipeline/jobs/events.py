"""What is worth showing of a run while it is under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.extract import Reading
from pipeline.model.page import Scope


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth showing while a run is under way.

    `name` is one of started, resumed, page, scope, flattening, published, unchanged; `scope` is the scope it is about,
    if any; `detail` is what there is to say of it, `facts` are the same for machines. `is_whole` tells of an ended
    scope that it was listed to its end. `outlook` comes with started.
    """

    name: str
    scope: Scope | None = None
    detail: str = ""
    is_whole: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a sync is about to do, and how to see how far it has come.

    `calls` are those that each scope took when it was last listed to its end; scopes without are new. `rate` is in
    calls a second.
    """

    scopes: int
    calls: Mapping[Scope, int]
    rate: float
    read: Callable[[], Reading]


Observer = Callable[[Event], None]

"""Scopes that are listed side by side, over HTTP: whom a slow, stuck or broken one delays, and how they are stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline import settings
from pipeline.emulator import Fault
from pipeline.extract import Listed, Lister, Sessions, Target, plan
from pipeline.model.page import RawPage
from tests.service.conftest import Served
from tests.service.worlds import two_by_two

Serve = Callable[..., Served]
SOON = 20.0
"""Seconds that a test waits at most for what should happen at once."""
FOREVER = 3600.0
REGIONS = ("eu-west-1", "us-east-1")


class Pages:
    """A sink that keeps the pages; `broken` is raised by the method of that name."""

    def __init__(self, broken: BaseException | None = None, where: str = "page") -> None:
        self.broken = broken
        self.where = where
        self.pages: list[RawPage] = []
        self.listed: Listed | None = None

    def _break(self, where: str) -> None:
        if self.broken and where == self.where:
            raise self.broken

    def begin(self) -> None:
        self._break("begin")
        assert not self.pages

    def page(self, page: RawPage) -> None:
        assert self.listed is None
        self._break("page")
        self.pages.append(page)

    def end(self, listed: Listed) -> None:
        self._break("end")
        self.listed = listed

    def store(self) -> str:
        self._break("store")
        assert self.listed is not None
        return "stored"


@pytest.fixture
def listing(serve: Serve) -> Callable[..., tuple[Lister, tuple[Target, ...]]]:
    """Serve a world in two regions; returns a lister, and the targets in the order of their regions."""

    def prepare(*faults: Fault, **aws: Any) -> tuple[Lister, tuple[Target, ...]]:
        serve(two_by_two(), faults=list(faults))
        chosen = settings.load(lake="none", environment={}, regions=list(REGIONS), rate=1000, **aws).aws
        sessions = Sessions(chosen)
        return Lister(sessions), plan(chosen, sessions).targets

    return prepare


def test_a_scope_that_does_not_answer_delays_nobody_and_is_stopped_at_once(listing):
    lister, (stuck, other) = listing(Fault("latency", region="eu-west-1", seconds=FOREVER))
    held, good = Pages(), Pages()
    with lister:
        waiting = lister.begin(stuck, held)
        assert lister.begin(other, good).result(SOON) == "stored"
        assert not waiting.done()
    assert good.listed is not None
    assert good.listed.error is None
    assert good.listed.counters.versions == 252
    assert waiting.result(0) == "stored"
    assert held.listed is not None
    assert held.listed.error is not None
    assert held.listed.error.kind == "stopped"
    assert held.pages == []


def test_a_scope_waits_for_its_turn_and_is_not_begun_when_the_run_is_stopped(listing):
    lister, (stuck, other) = listing(Fault("latency", region="eu-west-1", seconds=FOREVER), scopes=1)
    later = Pages()
    with lister:
        lister.begin(stuck, Pages())
        waiting = lister.begin(other, later)
    assert waiting.cancelled()
    assert later.listed is None


@pytest.mark.parametrize("where", ["begin", "page", "end", "store"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["error", "stop"])
def test_what_a_sink_raises_comes_to_whoever_waits_and_other_scopes_go_on(listing, error: BaseException, where: str):
    lister, (first, second) = listing()
    with lister:
        broken, good = lister.begin(first, Pages(error, where)), lister.begin(second, Pages())
        with pytest.raises(type(error)):
            broken.result(SOON)
        assert good.result(SOON) == "stored"


def test_an_error_in_the_callers_thread_stops_all_listings(listing):
    lister, targets = listing(Fault("latency", seconds=FOREVER))
    sinks = [Pages(), Pages()]
    with pytest.raises(ZeroDivisionError), lister:
        for target, sink in zip(targets, sinks, strict=True):
            lister.begin(target, sink)
        while lister.reading().running < 2:
            pass
        raise ZeroDivisionError
    assert [sink.listed.error.kind for sink in sinks] == ["stopped", "stopped"]


def test_how_far_listings_have_come(listing):
    lister, targets = listing(details=["tags"])
    with lister:
        for future in [lister.begin(target, Pages()) for target in targets]:
            future.result(SOON)
        reading = lister.reading()
    assert (reading.running, reading.versions, reading.throttles, reading.quota) == (0, 2 * 252, 0, 0.0)
    assert reading.calls == dict.fromkeys((target.scope for target in targets), 1 + 6 + 4 + 252)
    assert reading.pages == sum(reading.calls.values())

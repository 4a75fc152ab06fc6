"""The live view of a sync on a terminal: how far it is, how fast, what failed, and the time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.render import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.extract import Reading
    from pipeline.jobs.events import Event, Outlook
    from pipeline.model.page import Scope

REFRESH = 4
"""Redraws a second."""
WINDOW = 5.0
"""Seconds over which calls a second are counted."""
SHOWN_FAILURES = 8
"""Failures that are printed as they happen; the report at the end has all of them, by cause."""


class LiveView:
    """A view that stays in its place, with lines worth keeping printed above it. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        """Held for every change and every write. rich erases as many lines as were drawn when a write began, so nobody
        may draw in between."""
        self._started = time.monotonic()
        self._outlook: Outlook | None = None
        self._ended: dict[Scope, Event] = {}
        self._activity = "starting"
        self._flattening = ""
        """The scope that is being flattened while others are still being listed."""
        self._samples: deque[tuple[float, int]] = deque()
        """Times, and the calls made until then."""
        self._live = Live(console=console, get_renderable=self._render, auto_refresh=False, transient=True)
        self._is_over = threading.Event()
        self._drawing = threading.Thread(target=self._keep_drawing, name="reklake-view", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._drawing.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._is_over.set()
        self._drawing.join()
        with self._lock:
            self._live.stop()

    def draw(self) -> None:
        """Draw the view now; it also redraws itself, REFRESH times a second."""
        with self._lock:
            self._live.refresh()

    def _keep_drawing(self) -> None:
        while not self._is_over.wait(1 / REFRESH):
            self.draw()

    def observe(self, event: Event) -> None:
        """Take in an event, from any thread."""
        if event.name == "page":
            return  # counted by the outlook's reading
        with self._lock:
            if line := self._taken_in(event):
                self._console.print(printable(line), highlight=False, markup=False)

    def _taken_in(self, event: Event) -> str:
        """Update the view, and return the line of the event to keep, if any."""
        match event.name:
            case "flattening":
                self._activity, self._flattening = f"flattening {event.scope}", f", flattening {event.scope}"
                return ""
            case "scope" | "resumed" if event.scope:
                self._ended[event.scope] = event
                is_kept = event.name == "resumed" or (not event.is_whole and self._failed <= SHOWN_FAILURES)
                return f"{event.scope}: {event.detail}" if is_kept else ""
            case "started":
                self._outlook = event.outlook
                self._activity = "listing" if event.outlook else "reading raw pages"
            case _:
                self._activity = "building lake.duckdb and checking it"
        return f"{event.name}: {event.detail}"

    @property
    def _failed(self) -> int:
        return sum(event.name == "scope" and not event.is_whole for event in self._ended.values())

    def _render(self) -> RenderableType:
        if self._outlook is None:
            return Text(printable(self._activity))
        return self._figures(self._outlook, self._outlook.read())

    def _figures(self, outlook: Outlook, reading: Reading) -> Table:
        now = time.monotonic()
        calls, failed = sum(reading.calls.values()), self._failed
        done, waiting = len(self._ended) - failed, max(0, outlook.scopes - len(self._ended) - reading.running)
        spent, left = f"{_clock(now - self._started)} so far", seconds_left(outlook, reading.calls, self._ended)
        table = Table.grid(padding=(0, 2))
        table.add_row("scopes", ProgressBar(outlook.scopes, len(self._ended), width=40))
        table.add_row(
            "",
            f"{done:,} done, {reading.running:,} running, {failed:,} failed, {waiting:,} waiting of {outlook.scopes:,}",
        )
        table.add_row("pages", f"{reading.pages:,} with {reading.versions:,} versions")
        table.add_row(
            "calls",
            f"{calls:,}, {self._calls_a_second(now, calls):,.1f} a second of {reading.quota:,.0f} that the quotas "
            f"allow, {reading.throttles:,} throttled",
        )
        table.add_row("time", f"{spent}, about {_clock(left)} left" if left is not None else spent)
        activity = f"listing{self._flattening}" if reading.running else self._activity
        table.add_row("now", Text(printable(activity)))
        return table

    def _calls_a_second(self, now: float, calls: int) -> float:
        self._samples.append((now, calls))
        while self._samples[0][0] < now - WINDOW:
            self._samples.popleft()
        since, before = self._samples[0]
        return (calls - before) / (now - since) if now > since else 0.0


def seconds_left(outlook: Outlook, calls: Mapping[Scope, int], ended: Mapping[Scope, object]) -> float | None:
    """Return the seconds that the slowest scope needs at its quota, by its calls of last time; None if one is new."""
    left = 0.0
    for scope, made in calls.items():
        if scope not in ended:
            if scope not in outlook.calls:
                return None
            left = max(left, (outlook.calls[scope] - made) / outlook.rate)
    return left


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

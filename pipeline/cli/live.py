"""The live view of a sync on a terminal: how far it has come, how fast it is, what has failed, what is left."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
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
"""Times a second."""
WINDOW = 5.0
"""Seconds over which calls a second are counted."""
SHOWN_FAILURES = 8
"""Failures that are told at once; the summary at the end tells all, by their causes."""


class LiveView:
    """One view that stays in its place; what is worth keeping is printed above it. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._screen = threading.Lock()
        """Whoever writes to the terminal has it: rich erases as many lines as were drawn when a write began."""
        self._started = time.monotonic()
        self._outlook: Outlook | None = None
        self._ended: dict[Scope, Event] = {}
        self._doing = "starting"
        self._flattened = ""
        """How far scopes are flattened, which goes on beside the listings of the others."""
        self._samples: deque[tuple[float, int]] = deque()
        self._live = Live(console=console, get_renderable=self._render, auto_refresh=False, transient=True)
        self._is_over = threading.Event()
        self._drawing = threading.Thread(target=self._draw_on, name="reklake-view", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._drawing.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._is_over.set()
        self._drawing.join()
        with self._screen:
            self._live.stop()

    def draw(self) -> None:
        """Draw the view as things stand; does so by itself, REFRESH times a second."""
        with self._screen:
            self._live.refresh()

    def _draw_on(self) -> None:
        while not self._is_over.wait(1 / REFRESH):
            self.draw()

    def observe(self, event: Event) -> None:
        """Take in an event; comes from several threads."""
        with self._lock:
            line = self._taken_in(event)
        # not while it has the lock: printing waits for the screen, and whoever draws there waits for the figures
        if line:
            with self._screen:
                self._console.print(printable(line), highlight=False, markup=False)

    def _taken_in(self, event: Event) -> str:
        """Note what an event tells; returns the line to keep of it, if any."""
        match event.name:
            case "page":
                return ""
            case "flattening":
                self._doing, self._flattened = f"flattening {event.scope}", f", flattening {event.scope}"
                return ""
            case "scope" | "resumed" if event.scope:
                self._ended[event.scope] = event
                is_told = event.name == "resumed" or (not event.is_whole and self._failed <= SHOWN_FAILURES)
                return f"{event.scope}: {event.detail}" if is_told else ""
            case "started":
                self._outlook = event.outlook
                self._doing = "listing" if event.outlook else "reading what was landed"
            case _:
                self._doing = "building lake.duckdb and checking it"
        return f"{event.name}: {event.detail}"

    @property
    def _failed(self) -> int:
        return sum(one.name == "scope" and not one.is_whole for one in self._ended.values())

    def _render(self) -> Group:
        with self._lock:
            if self._outlook is None:
                return Group(Text(printable(self._doing)))
            reading = self._outlook.read()
            return Group(self._figures(self._outlook, reading, self._failed))

    def _figures(self, outlook: Outlook, reading: Reading, failed: int) -> Table:
        now = time.monotonic()
        calls = sum(reading.calls.values())
        done = len(self._ended) - failed
        table = Table.grid(padding=(0, 2))
        table.add_row("scopes", ProgressBar(outlook.scopes, len(self._ended), width=40))
        waiting = max(0, outlook.scopes - len(self._ended) - reading.running)
        told = f"{done:,} done, {reading.running:,} running, {failed:,} failed, {waiting:,} waiting"
        table.add_row("", f"{told} of {outlook.scopes:,}")
        table.add_row("pages", f"{reading.pages:,} with {reading.versions:,} versions")
        pace = f"{self._calls_a_second(now, calls):,.1f} a second of {reading.quota:,.0f} that the quotas allow"
        table.add_row("calls", f"{calls:,}, {pace}, {reading.throttles:,} throttled")
        left = seconds_left(outlook, reading.calls, self._ended)
        spent = f"{_clock(now - self._started)} so far"
        table.add_row("time", f"{spent}, about {_clock(left)} left" if left is not None else spent)
        doing = f"listing{self._flattened}" if reading.running else self._doing
        table.add_row("now", Text(printable(doing)))
        return table

    def _calls_a_second(self, now: float, calls: int) -> float:
        self._samples.append((now, calls))
        while self._samples[0][0] < now - WINDOW:
            self._samples.popleft()
        since, before = self._samples[0]
        return (calls - before) / (now - since) if now > since else 0.0


def seconds_left(outlook: Outlook, calls: Mapping[Scope, int], ended: Mapping[Scope, object]) -> float | None:
    """Return how long the slowest scope needs at its quota, by its calls of last time; None if any scope is new."""
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

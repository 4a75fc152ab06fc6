"""Shows how a run proceeds, on stderr: a live view on a terminal, one line for each event elsewhere."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import LogFormat
from pipeline.cli.render import UNPRINTABLE, printable
from pipeline.lake.run_record import now

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.jobs.events import Event, Outlook

HEARTBEAT = 30.0
"""Seconds between the progress lines of a log."""
_ESCAPES = {code: f"\\u{code:04x}" for code in UNPRINTABLE}
"""JSON may contain most of these as they are, but a terminal obeys them."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came, with which cron, systemd and containers stop a process. The run ends as with Ctrl-C."""


@contextmanager
def watching(*, quiet: bool, form: LogFormat = LogFormat.auto) -> Iterator[Callable[[Event], None]]:
    """Yield the observer of a run. If the run is stopped, say what is kept."""
    seen: list[Event] = []

    def note(event: Event) -> None:
        if event.name != "page":
            seen.append(event)
        observe(event)

    try:
        with _stopped_by_sigterm(), _shown(quiet=quiet, form=form) as observe:
            yield note
    except KeyboardInterrupt as error:
        sys.stderr.write(f"reklake: stopped. {_kept(seen)}\n")
        if isinstance(error, Terminated):
            raise typer.Exit(Exit.TERMINATED) from error
        raise


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Terminated("stopped by SIGTERM")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _shown(*, quiet: bool, form: LogFormat) -> Iterator[Callable[[Event], None]]:
    if quiet:
        yield lambda _: None
    elif form is LogFormat.auto and (terminal := _terminal()):
        from pipeline.cli.live import LiveView

        with LiveView(terminal) as view:
            yield view.observe
    else:
        yield _Log(_as_text if form is LogFormat.text else _as_json).observe


def _terminal() -> Console | None:
    """Return stderr for a live view; None if it is a file or a pipe, or a terminal that cannot move its cursor."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True, emoji=False)
    return console if console.is_terminal else None


def _kept(seen: Iterable[Event]) -> str:
    """Say what a run that is stopped now leaves behind."""
    for event in seen:
        if event.name in {"published", "unchanged"}:
            return f"Snapshot {event.detail} stands; run again to bring lake.duckdb up to date and check it."
    whole = sum(event.name == "resumed" or (event.name == "scope" and event.is_whole) for event in seen)
    listed = "1 scope was" if whole == 1 else f"{whole} scopes were"
    reused = f"; {listed} listed to the end, and the next sync reuses that if it follows soon" if whole else ""
    return f"The lake is as it was before{reused}. Run again to continue."


class _Log:
    """One line for each event, and a line now and then that shows how far the listings are."""

    def __init__(self, line_of: Callable[[str, Event], str]) -> None:
        self._line_of = line_of
        self._lock = threading.Lock()  # events come from several threads
        self._outlook: Outlook | None = None
        self._last_progress = time.monotonic()

    def observe(self, event: Event) -> None:
        """Write the line of an event, but not one for each page: those would drown the rest."""
        with self._lock:
            self._outlook = event.outlook or self._outlook
            if event.name != "page":
                sys.stderr.write(self._line_of(now(), event) + "\n")
            elif self._outlook and time.monotonic() - self._last_progress > HEARTBEAT:
                self._last_progress = time.monotonic()
                sys.stderr.write(self._line_of(now(), _progress(self._outlook)) + "\n")


def _progress(outlook: Outlook) -> Event:
    from pipeline.jobs.events import Event

    reading = outlook.read()
    facts = {
        "scopes": outlook.scopes,
        "running": reading.running,
        "calls": sum(reading.calls.values()),
        "pages": reading.pages,
        "versions": reading.versions,
        "throttles": reading.throttles,
    }
    return Event("progress", detail=f"{reading.versions:,} versions on {reading.pages:,} pages so far", facts=facts)


def _as_json(at: str, event: Event) -> str:
    line: dict[str, object] = {"at": at, "level": "warning" if _is_failure(event) else "info", "event": event.name}
    if event.scope:
        line |= {"account_id": event.scope.account_id, "region": event.scope.region}
    if event.detail:
        line["detail"] = event.detail
    return json.dumps(line | dict(event.facts), ensure_ascii=False).translate(_ESCAPES)


def _as_text(at: str, event: Event) -> str:
    scope = f" {event.scope}" if event.scope else ""
    detail = printable(" ".join(event.detail.split()))
    return f"{at} {'WARNING' if _is_failure(event) else 'INFO'} {event.name}{scope}: {detail}"


def _is_failure(event: Event) -> bool:
    """Whether a scope failed, or one of its details: facts have the outcome of each detail."""
    return event.name == "scope" and (not event.is_whole or "failed" in event.facts.values())

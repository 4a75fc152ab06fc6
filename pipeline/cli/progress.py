"""What is seen of a run while it is under way: a live line on a terminal, a JSON line an event elsewhere."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.render import printable
from pipeline.record import now

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.run import Event


class Terminated(KeyboardInterrupt):
    """SIGTERM came: cron, systemd and containers stop a process with it. It ends as Ctrl-C does."""


@contextmanager
def watching(*, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """Give the observer for a run; everything goes to stderr. Stopped, it says what is kept."""
    seen: list[Event] = []

    def note(event: Event) -> None:
        if event.name != "page":
            seen.append(event)
        observe(event)

    try:
        with _stopped_by_sigterm(), _shown(quiet=quiet) as observe:
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
def _shown(*, quiet: bool) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console

    console = Console(stderr=True, emoji=False)
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        with _live(console) as observe:
            yield observe
    else:
        yield _log


def _kept(seen: Iterable[Event]) -> str:
    """Say what a run that is stopped here has achieved."""
    for event in seen:
        if event.name in {"published", "unchanged"}:
            return f"Snapshot {event.detail} stands; run again to bring lake.duckdb up to date and check it."
    whole = sum(event.name == "resumed" or (event.name == "scope" and event.is_whole) for event in seen)
    asked = "1 scope was" if whole == 1 else f"{whole} scopes were"
    again = f"; {asked} listed to the end, and a sync that soon follows does not ask again" if whole else ""
    return f"What was published before is as it was{again}. Run again to go on."


def _log(event: Event) -> None:
    if event.name == "page":  # one line a page would drown the rest
        return
    line = {"at": now(), "event": event.name}
    if event.scope:
        line |= {"account_id": event.scope.account_id, "region": event.scope.region}
    if event.detail:
        line["detail"] = event.detail
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")


@contextmanager
def _live(console: Console) -> Iterator[Callable[[Event], None]]:
    pages = 0
    lock = threading.Lock()  # scopes report from their own threads
    with console.status("starting") as status:

        def observe(event: Event) -> None:
            nonlocal pages
            with lock:
                match event.name:
                    case "page":
                        pages += 1
                        status.update(f"listing {event.scope}: {pages:,} pages so far")
                    case "flattening":
                        status.update(f"flattening {event.scope}")
                    case "scope":
                        console.print(printable(f"{event.scope}: {event.detail}"), highlight=False, markup=False)
                    case _:
                        console.print(printable(f"{event.name}: {event.detail}"), highlight=False, markup=False)

        yield observe

"""What is seen of a run while it is under way: a live line on a terminal, a JSON line an event elsewhere."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.record import now

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.run import Event


@contextmanager
def watching(*, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """Give the observer for a run; everything goes to stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    try:
        if quiet:
            yield lambda _: None
        elif console.is_terminal:
            with _live(console) as observe:
                yield observe
        else:
            yield _log
    except KeyboardInterrupt:
        sys.stderr.write("reklake: stopped. What was published before is as it was; run again to go on.\n")
        raise


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
                        console.print(f"{event.scope}: {event.detail}", highlight=False, markup=False)
                    case _:
                        console.print(f"{event.name}: {event.detail}", highlight=False, markup=False)

        yield observe

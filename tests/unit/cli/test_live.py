"""The live view: true figures, told from any thread, and a clean screen when it is over."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator, Mapping

import pytest
from rich.console import Console, ConsoleRenderable

from pipeline.cli import live
from pipeline.cli.live import LiveView, seconds_left
from pipeline.extract import Reading
from pipeline.jobs.events import Event, Outlook
from pipeline.model.page import Scope

HERE, THERE, NEW = Scope("us-east-1", "111122223333"), Scope("eu-west-1", "111122223333"), Scope("x", "444455556666")
WIDTH = 100
DEADLINE = 60


class Reader:
    """Where a view reads how far the listings are; a test moves it on."""

    def __init__(self) -> None:
        self.running, self.pages, self.versions, self.throttles = 0, 0, 0, 0
        self.calls: dict[Scope, int] = {}

    def __call__(self) -> Reading:
        return Reading(self.running, dict(self.calls), self.pages, self.versions, self.throttles, quota=15.0)


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=WIDTH, height=30, emoji=False, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def screen(text: str) -> list[str]:
    """What a terminal shows in the end of what was written to it; of its commands those that the view may use."""
    lines, row, column = [""], 0, 0
    for command, plain in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)", text):
        if plain:
            kept = lines[row].ljust(column)
            lines[row] = kept[:column] + plain + kept[column + len(plain) :]
            column += len(plain)
            assert column <= WIDTH, f"a line longer than the terminal moves all below: {plain!r}"
        elif command == "\r":
            column = 0
        elif command == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif command == "\x1b[2K":
            lines[row] = ""
        elif up := re.fullmatch(r"\x1b\[(\d+)A", command):
            row = max(0, row - int(up[1]))
        else:
            assert re.fullmatch(r"\x1b\[(\?25[lh]|[\d;]*m)", command), f"no command of the view: {command!r}"
    return [line.rstrip() for line in lines if line.strip()]


def figures(view: LiveView) -> dict[str, str]:
    """What the view says now, by the word before it; the scopes' figures stand beneath their bar."""
    console = terminal()
    console.print(view._render())
    found = {line[:6].strip(): line[6:].strip() for line in screen(written(console))}
    found["scopes"] = found.pop("", "")
    return found


def started(read: Reader, scopes: int = 4, calls: Mapping[Scope, int] | None = None) -> Event:
    return Event("started", detail=f"{scopes} scopes, run 1", outlook=Outlook(scopes, calls or {}, 5.0, read))


def ended(scope: Scope, error: str = "") -> Event:
    return Event("scope", scope, error or "complete, 3 pages", is_whole=not error)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that the view sees: the last of the list."""
    times = [1_000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: times[-1])
    yield times
    monkeypatch.undo()


def test_before_the_run_has_begun_there_is_nothing_to_count():
    console = terminal()
    console.print(LiveView(console)._render())
    assert screen(written(console)) == ["starting"]


def test_scopes_are_done_running_failed_or_waiting():
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read, scopes=4))
    assert figures(view)["scopes"] == "0 done, 0 running, 0 failed, 4 waiting of 4"
    read.running = 3
    assert figures(view)["scopes"] == "0 done, 3 running, 0 failed, 1 waiting of 4"
    view.observe(ended(HERE))
    view.observe(ended(THERE, "denied"))
    view.observe(Event("resumed", NEW, "not asked again"))
    read.running = 1
    assert figures(view)["scopes"] == "2 done, 1 running, 1 failed, 0 waiting of 4"


def test_pages_versions_and_calls_are_those_of_all_listings():
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read))
    read.calls, read.pages, read.versions, read.throttles = {HERE: 1_000, THERE: 234}, 1_200, 119_000, 17
    found = figures(view)
    assert found["pages"] == "1,200 with 119,000 versions"
    assert found["calls"] == "1,234, 0.0 a second of 15 that the quotas allow, 17 throttled"


def test_calls_a_second_are_those_of_the_last_seconds(clock: list[float]):
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read))
    read.calls = {HERE: 100}
    assert "100, 0.0 a second" in figures(view)["calls"]
    for second in range(1, 5):
        clock.append(1_000.0 + second)
        read.calls = {HERE: 100 + 12 * second}
        assert "12.0 a second" in figures(view)["calls"]
    clock.append(1_060.0)  # it has stood still for a minute
    figures(view)
    clock.append(1_061.0)
    assert " 0.0 a second" in figures(view)["calls"]


def test_the_time_left_is_that_of_the_scope_with_the_most_calls_to_go(clock: list[float]):
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read, calls={HERE: 500, THERE: 20_000}))
    read.calls = {HERE: 0, THERE: 1_000}
    clock.append(1_075.0)
    assert figures(view)["time"] == "1:15 so far, about 1:03:20 left"
    view.observe(ended(THERE))
    assert figures(view)["time"] == "1:15 so far, about 1:40 left"
    read.calls[HERE] = 700  # more than last time
    assert figures(view)["time"] == "1:15 so far, about 0:00 left"


def test_the_time_left_is_not_known_while_a_new_scope_is_listed(clock: list[float]):
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read, calls={HERE: 500}))
    read.calls = {HERE: 0, NEW: 3}
    clock.append(1_009.0)
    assert figures(view)["time"] == "0:09 so far"
    view.observe(ended(NEW))
    assert figures(view)["time"] == "0:09 so far, about 1:40 left"


def test_seconds_left_without_any_scope_to_ask():
    assert seconds_left(Outlook(0, {}, 5.0, Reader()), {}, {}) == 0.0


def test_what_it_is_doing_follows_the_run():
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read))
    read.running = 2
    assert figures(view)["now"] == "listing"
    view.observe(Event("flattening", HERE))
    assert figures(view)["now"] == "listing, flattening 111122223333/us-east-1"
    read.running = 0
    assert figures(view)["now"] == "flattening 111122223333/us-east-1"
    view.observe(Event("published", detail="20261123T040000Z-5d1f3a07"))
    assert figures(view)["now"] == "building lake.duckdb and checking it"


def test_a_replay_has_no_listings_to_count():
    console = terminal()
    view = LiveView(console)
    view.observe(Event("started", detail="replaying 2 landed scopes of run 1"))
    view.observe(Event("flattening", Scope("us-east-1", "[/red]")))
    console.print(view._render())
    assert screen(written(console)) == ["started: replaying 2 landed scopes of run 1", "flattening [/red]/us-east-1"]


def test_names_are_not_taken_for_markup():
    view, read = LiveView(terminal()), Reader()
    view.observe(started(read))
    view.observe(Event("flattening", Scope("us-east-1", "[/red]")))
    assert figures(view)["now"] == "flattening [/red]/us-east-1"


def test_only_the_first_failures_are_told_and_all_are_counted():
    console, read = terminal(), Reader()
    view = LiveView(console)
    view.observe(started(read, scopes=20))
    for number in range(20):
        view.observe(ended(Scope("us-east-1", f"{number:012}"), "denied"))
    assert written(console).count("denied") == live.SHOWN_FAILURES
    assert figures(view)["scopes"].startswith("0 done, 0 running, 20 failed")


def test_nothing_is_left_on_the_screen_but_what_was_said():
    console, read = terminal(), Reader()
    with LiveView(console) as view:
        view.observe(started(read, scopes=3, calls={HERE: 9}))
        for scope in (HERE, THERE, NEW):
            read.calls[scope] = 5
            view.observe(Event("page", scope))
            view.draw()
            view.observe(ended(scope, "it is denied there" if scope == THERE else ""))
            view.draw()
        view.observe(Event("flattening", HERE))
        view.observe(Event("published", detail="20261123T040000Z-5d1f3a07"))
        view.draw()
    assert "3 waiting" not in str(screen(written(console)))
    assert screen(written(console)) == [
        "started: 3 scopes, run 1",
        "111122223333/eu-west-1: it is denied there",
        "published: 20261123T040000Z-5d1f3a07",
    ]
    assert written(console).rindex("\x1b[?25h") > written(console).rindex("\x1b[?25l"), "the cursor stays hidden"


def test_a_run_that_breaks_off_leaves_a_clean_screen_too():
    console, read = terminal(), Reader()
    view = LiveView(console)

    def break_off() -> None:
        with view:
            view.observe(started(read))
            view.draw()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert screen(written(console)) == ["started: 4 scopes, run 1"]


def test_what_aws_said_cannot_move_the_cursor():
    console, read = terminal(), Reader()
    with LiveView(console) as view:
        view.observe(started(read))
        view.observe(ended(HERE, "no\x1b[2Jthing\x9b1A\r\nsnapshot 1: all is well [bold]"))
    assert "\x1b[2J" not in written(console)
    assert "\x9b" not in written(console)
    assert r"111122223333/us-east-1: no\x1b[2Jthing\x9b1A\r\nsnapshot 1: all is well [bold]" in screen(written(console))


def test_events_from_many_threads_while_the_screen_is_drawn():
    console, read = terminal(), Reader()
    scopes = [Scope("us-east-1", f"{number:012}") for number in range(200)]
    stop = threading.Event()

    def draw() -> None:
        while not stop.wait(0.001):  # without a pause nobody else might get the lock, on a machine that is busy
            view.draw()

    def tell(some: list[Scope]) -> None:
        for scope in some:
            view.observe(Event("page", scope))
            view.observe(Event("resumed", scope, "not asked again"))

    view = LiveView(console).__enter__()  # left below, unless its threads wait for one another: leaving would, too
    view.observe(started(read, scopes=len(scopes)))
    threads = [threading.Thread(target=tell, args=(scopes[at::8],), daemon=True) for at in range(8)]
    drawer = threading.Thread(target=draw, daemon=True)
    all_ended(drawer, *threads, stop=stop)
    assert figures(view)["scopes"] == "200 done, 0 running, 0 failed, 0 waiting of 200"
    view.__exit__()
    assert len(screen(written(console))) == 201


def test_nothing_is_drawn_between_where_a_line_will_be_written_and_its_writing(monkeypatch: pytest.MonkeyPatch):
    """Else it erases as many lines as there were before, and leaves the others that were drawn meanwhile."""
    console, placed, drawn = terminal(), threading.Event(), threading.Event()
    view = LiveView(console)
    place = view._live.process_renderables

    def placed_slowly(what: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        found = place(what)
        if threading.current_thread().name == "telling":
            placed.set()
            drawn.wait(0.2)  # in vain, where the other waits
        return found

    def tell() -> None:
        view.observe(Event("resumed", HERE, "not asked again"))

    def draw() -> None:
        placed.wait(DEADLINE)
        view.draw()
        drawn.set()

    monkeypatch.setattr(view._live, "process_renderables", placed_slowly)
    view.__enter__()
    view.observe(started(Reader()))  # what is drawn has one line until now, and six from now on
    all_ended(threading.Thread(target=draw, daemon=True), threading.Thread(target=tell, daemon=True, name="telling"))
    view.__exit__()
    assert screen(written(console)) == ["started: 4 scopes, run 1", f"{HERE}: not asked again"]


def all_ended(*threads: threading.Thread, stop: threading.Event | None = None) -> None:
    """Start them, and see them end; the first one when it is told to, if `stop` tells it."""
    for thread in threads:
        thread.start()
    for thread in reversed(threads):
        if stop and thread is threads[0]:
            stop.set()
        thread.join(DEADLINE)
        assert not thread.is_alive(), "who tells and who draws wait for one another"

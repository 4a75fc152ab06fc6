from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline.extract.crew import Crew, Lane
from pipeline.extract.pacing import TokenBucket

SOON = 10.0
"""Seconds that a test waits at most for what should happen at once."""


def lane(crew: Crew, rate: float = 10_000, *, limit: int = 100) -> Lane:
    return crew.lane(TokenBucket(rate, burst=rate), limit)


def waits(*, parties: int) -> tuple[threading.Barrier, Callable[[], None]]:
    barrier = threading.Barrier(parties, timeout=SOON)
    return barrier, lambda: (barrier.wait(), None)[1]


def test_calls_of_many_lanes_are_under_way_at_once():
    barrier, call = waits(parties=31)
    with Crew() as crew:
        for _ in range(30):
            lane(crew).add(call)
        barrier.wait()  # raises if any of them does not come


def test_no_more_calls_of_a_lane_are_under_way_than_its_limit():
    running, most, done = 0, 0, threading.Semaphore(0)
    lock = threading.Lock()

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        done.release()

    with Crew() as crew:
        one = lane(crew, limit=3)
        for _ in range(30):
            one.add(call)
        assert all(done.acquire(timeout=SOON) for _ in range(30))
    assert most == 3


def test_a_slow_lane_delays_nobody():
    held, done = threading.Event(), threading.Semaphore(0)
    with Crew(size=4) as crew:
        slow, fast = lane(crew, limit=2), lane(crew)
        for _ in range(10):
            slow.add(lambda: (held.wait(SOON), None)[1])
        for _ in range(50):
            fast.add(done.release)
        assert all(done.acquire(timeout=SOON) for _ in range(50))
        held.set()


def test_more_calls_than_threads_all_get_their_turn():
    done = threading.Semaphore(0)
    with Crew(size=2) as crew:
        for _ in range(40):
            lane(crew).add(done.release)
        assert all(done.acquire(timeout=SOON) for _ in range(40))
        assert sum(thread.name.startswith("reklake-") for thread in threading.enumerate()) <= 3


def test_calls_leave_in_their_order_and_before_and_after_others_if_asked():
    order, first, done = [], threading.Event(), threading.Event()
    with Crew() as crew:
        one = lane(crew, limit=1)
        one.add(lambda: (first.wait(SOON), None)[1])
        for name in "ab":
            one.add(lambda name=name: order.append(name))
        one.add(lambda: order.append("next"), is_next=True)
        one.add(lambda: (order.append("later"), done.set())[1], delay=0.05)
        first.set()
        assert done.wait(SOON)
    assert order == ["next", "a", "b", "later"]


def test_an_empty_bucket_waits_for_answers():
    asked = threading.Semaphore(0)
    with Crew() as crew:
        one = crew.lane(TokenBucket(1000, burst=2), 100)
        for _ in range(4):
            one.add(asked.release)
        assert all(asked.acquire(timeout=SOON) for _ in range(2))
        assert not asked.acquire(timeout=0.05)
        for _ in range(2):
            one.answered(lambda bucket, now: bucket.accepted(now))
        assert all(asked.acquire(timeout=SOON) for _ in range(2))


def test_what_has_not_left_when_the_crew_is_dismissed_never_leaves():
    ran: list[int] = []
    with Crew() as crew:
        lane(crew).add(lambda: ran.append(1), delay=3600)
        one = lane(crew)
        one.add(lambda: ran.append(2), delay=3600)
        one.clear()
    assert ran == []
    deadline = time.monotonic() + SOON
    while any(thread.name == "reklake-time" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_where_no_more_threads_can_be_had_those_there_are_do_all(monkeypatch):
    done = threading.Semaphore(0)
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "reklake-3":
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with Crew() as crew:
        for _ in range(50):
            lane(crew).add(lambda: (time.sleep(0.001), done.release())[1])
        assert all(done.acquire(timeout=SOON) for _ in range(50))


def most_under_way(one: Lane) -> int:
    """Let calls leave, without a crew that does, until no more may."""
    count = 0
    while one.ready(time.monotonic()) <= time.monotonic():
        one.leave(time.monotonic())
        count += 1
    for _ in range(count):
        one.returned()
    return count


def test_as_many_calls_are_under_way_as_the_rate_needs_for_answers_that_take_so_long():
    def after(took: float, *, rate: float = 10_000, limit: int = 10) -> int:
        one = Crew().lane(TokenBucket(rate, burst=1000), limit)  # of a crew that has not begun
        for _ in range(200):
            one.add(lambda: None)
        for _ in range(20):
            one.bucket.take(time.monotonic())
            one.answered(lambda bucket, now: bucket.accepted(now), took=took)
        return most_under_way(one)

    assert after(0.001) == 3  # a service nearby: more would only wait here, with all that they hold
    assert after(0.2) == 10
    assert after(0.2, rate=20) == 8
    assert after(3.0, rate=20, limit=8) == 8
    assert after(0.001, limit=2) == 2


def test_answers_that_brought_no_page_say_nothing_of_how_long_one_takes():
    one = lane(Crew(), limit=10)
    for _ in range(50):
        one.add(lambda: None)
    for took in (None, 0.2, None):
        one.bucket.take(time.monotonic())
        one.answered(lambda bucket, now: bucket.answered(now), took=took)
    assert most_under_way(one) == 10

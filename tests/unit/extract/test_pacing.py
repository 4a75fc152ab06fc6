from __future__ import annotations

import threading

from pipeline.extract.pacing import Pace, TokenBucket


class Time:
    """A clock that only moves when somebody sleeps or says so."""

    def __init__(self):
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_calls_leave_evenly_and_never_two_at_once():
    time = Time()
    bucket = TokenBucket(5.0, clock=lambda: time.now, sleep=time.sleep)
    left = []
    for _ in range(11):
        bucket.acquire()
        left.append(round(time.now - 100.0, 6))
    assert left == [round(number * 0.2, 6) for number in range(11)]


def test_time_that_was_not_used_is_not_saved_up():
    time = Time()
    bucket = TokenBucket(5.0, clock=lambda: time.now, sleep=time.sleep)
    bucket.acquire()
    time.now += 60
    assert bucket.acquire() == 0
    assert round(bucket.acquire(), 6) == 0.2


def test_threads_share_the_pace():
    time = Time()
    waits: list[float] = []
    bucket = TokenBucket(10.0, clock=lambda: time.now, sleep=waits.append)
    threads = [threading.Thread(target=bucket.acquire) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(wait, 6) for wait in waits) == [round(number / 10, 6) for number in range(1, 20)]


def test_each_operation_has_its_own_pace():
    pace = Pace(0.001)  # one call in a quarter of an hour: a second one of the same operation would hang
    pace.wait("DescribeProjects")
    pace.wait("DescribeProjectVersions")

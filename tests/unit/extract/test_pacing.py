from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.pacing import LONGEST_PAUSE, RECOVERY, SLOWEST, TokenBucket


class Service:
    """The service's own count: a bucket of `size` tokens that fills at `rate`, asked at each call's arrival."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size, self.tokens, self.at = rate, size, size, 0.0

    def takes(self, at: float) -> bool:
        self.tokens = min(self.size, self.tokens + (at - self.at) * self.rate)
        self.at = at
        self.tokens -= 1
        return self.tokens > -1e-6


def leave(bucket: TokenBucket, count: int, *, latency: float = 0.1, now: float = 0.0) -> list[float]:
    """When so many calls leave if each leaves as soon as it may and is answered after `latency`."""
    left: list[float] = []
    answers: list[float] = []
    while len(left) < count:
        due = bucket.due(now)
        if due <= now:
            bucket.take(now)
            left.append(now)
            answers.append(now + latency)
            continue
        now = min([due, *answers[:1]])
        if answers and answers[0] <= now:
            bucket.accepted(answers.pop(0))
    return left


@pytest.mark.parametrize("rate", [5.0, 10.0, 25.0, 50.0])
def test_five_hundred_calls_use_the_quota_to_within_three_percent(rate: float):
    took = leave(TokenBucket(rate), 500)[-1]
    assert (500 - rate) / rate <= took <= 1.03 * (500 - rate) / rate


def test_nothing_leaves_before_an_answer_when_as_many_are_under_way_as_may_be():
    bucket = TokenBucket(10.0, burst=3)
    left = leave(bucket, 6, latency=2.0)
    assert left == [0.0, 0.0, 0.0, pytest.approx(2.1), pytest.approx(2.2), pytest.approx(2.3)]


def test_with_a_burst_of_one_each_call_waits_for_the_answer_before_it():
    left = leave(TokenBucket(5.0, burst=1), 4, latency=0.1)
    assert [round(at, 6) for at in left] == [0.0, 0.3, 0.6, 0.9]


def test_time_that_was_not_used_is_saved_up_to_a_burst_only():
    bucket = TokenBucket(5.0, burst=3)
    leave(bucket, 10)
    while bucket._under_way:
        bucket.accepted(30.0)
    assert [round(at - 60, 6) for at in leave(bucket, 4, now=60.0)] == [0, 0, 0, 0.3]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_service_that_holds_a_seconds_worth_never_throttles_whatever_the_network_does(data: st.DataObject):
    rate = data.draw(st.sampled_from([1.0, 2.0, 5.0, 50.0]))
    bucket, service = TokenBucket(rate), Service(rate, max(1.0, rate))
    now, answers, arrivals = 0.0, [], []
    for _ in range(50):
        now += data.draw(st.sampled_from([0.0, 0.0, 0.0, 0.01, 1.5]))
        while (due := bucket.due(now)) > now:
            now = min([due, *answers])
            for at in sorted(at for at in answers if at <= now):
                answers.remove(at)
                bucket.accepted(at)
        bucket.take(now)
        arrivals.append(now + data.draw(st.sampled_from([0.0, 0.01, 0.3, 1.0, 10.0])))
        answers.append(arrivals[-1] + data.draw(st.sampled_from([0.0, 0.1, 5.0])))
    assert all(service.takes(at) for at in sorted(arrivals))


def test_a_throttle_halves_the_rate_and_the_burst_and_pauses():
    bucket = TokenBucket(8.0)
    bucket.take(0.0)
    bucket.throttled(0.5, sent_at=0.0)
    assert bucket.rate == 4.0
    assert 0.5 < bucket.due(0.5) <= 0.9
    assert leave(bucket, 4, now=1.0)[3] > 1.0  # three at once, where seven were before


def test_throttles_of_calls_that_left_before_the_last_step_back_count_once():
    bucket = TokenBucket(8.0)
    for _ in range(5):
        bucket.take(0.0)
    for _ in range(5):
        bucket.throttled(0.5, sent_at=0.0)
    assert bucket.rate == 4.0


def test_throttles_in_a_row_slow_down_so_far_and_pause_so_long():
    bucket = TokenBucket(16.0)
    now = 0.0
    for _ in range(50):
        now = max(now, bucket.due(now))
        bucket.take(now)
        bucket.throttled(now + 0.1, sent_at=now)
        now += 0.1
    assert bucket.rate == 16.0 * SLOWEST
    assert bucket.due(now) - now <= LONGEST_PAUSE


def test_answers_bring_the_rate_back():
    bucket = TokenBucket(8.0)
    bucket.take(0.0)
    bucket.throttled(0.1, sent_at=0.0)
    for at in range(1, 1 + round(0.5 / RECOVERY)):
        assert bucket.rate < 8.0
        bucket.take(float(at))
        bucket.accepted(float(at))
    assert bucket.rate == 8.0
    assert leave(bucket, 200, now=100.0)[-1] - 100.0 == pytest.approx(200 / 8.0, rel=0.03)

"""Which calls a rule strikes, and how often."""

from __future__ import annotations

import pytest

from pipeline.emulator import EmulatorError, Fault
from pipeline.emulator.faults import FaultRules
from pipeline.emulator.pagination import Listing, Position
from pipeline.emulator.request import Request


def call(
    operation="DescribeProjectVersions", account="111122223333", region="us-east-1", project="p", *, page=2,
    after_empty=False, token="t", items=range(500), is_listing=True,  # noqa: S107  a page's token
):  # fmt: skip
    """What the rules see of a call, by default of the second of five pages."""
    arn = f"arn:aws:rekognition:{region}:{account}:project/{project}/1"
    request = Request(operation, account, region, {"ProjectArn": arn, "NextToken": token})
    position = Position(100 * (page - 1), page, after_empty)
    return request, position, Listing("l", "Items", items, 100) if is_listing else None


def strikes(faults, calls, seed=0):
    rules = FaultRules(faults, seed)
    return [rules.strike(*made) for made in calls]


def struck(fault, count=6, **changes):
    return [struck is not None for struck, _ in strikes([fault], [call(**changes)] * count)]


def test_a_rule_without_conditions_strikes_each_call():
    assert struck(Fault("throttle"), 3) == [True] * 3


@pytest.mark.parametrize(
    ("conditions", "elsewhere"),
    [
        ({"operation": "DescribeProjectVersions"}, {"operation": "DescribeProjects"}),
        ({"account": "111122223333"}, {"account": "555566667777"}),
        ({"region": "us-east-1"}, {"region": "eu-west-1"}),
        ({"project": "p"}, {"project": "q"}),
        ({"page": 2}, {"page": 3}),
    ],
)
def test_a_rule_strikes_where_it_fits(conditions, elsewhere):
    fault = Fault("throttle", **conditions)
    assert struck(fault, 1) == [True]
    assert struck(fault, 1, **elsewhere) == [False]


@pytest.mark.parametrize(
    ("kind", "impossible"),
    [
        ("expired_token", {"token": ""}),
        ("vanished", {"operation": "DescribeProjects"}),
    ],
)
def test_a_rule_waits_for_a_call_that_it_can_strike(kind, impossible):
    assert struck(Fault(kind), 1, **impossible) == [False]
    assert struck(Fault(kind), 1) == [True]


@pytest.mark.parametrize(
    ("kind", "possible", "impossible"),
    [
        ("repeat_token", {}, {"token": ""}),
        ("empty_page_with_token", {}, {"after_empty": True}),
        ("empty_token", {"items": range(200)}, {}),
        ("repeat_item", {}, {"page": 1}),
    ],
)
def test_a_page_rule_waits_for_such_a_page(kind, possible, impossible):
    assert struck(Fault(kind), 1, **possible) == [True]
    for changes in (impossible, {"is_listing": False}):
        assert struck(Fault(kind), 1, **changes) == [False]


def test_counts():
    assert struck(Fault("throttle", nth=3)) == [False, False, True, False, False, False]
    assert struck(Fault("throttle", every=2)) == [False, True] * 3
    assert struck(Fault("throttle", times=2)) == [True, True, False, False, False, False]
    assert struck(Fault("throttle", every=2, times=1)) == [False, True, False, False, False, False]
    assert struck(Fault("expired_token")) == [True] + [False] * 5
    assert struck(Fault("expired_token", times=2)) == [True, True, False, False, False, False]


def test_probability_is_drawn_from_the_seed():
    fault = Fault("throttle", probability=0.3)
    first = strikes([fault], [call()] * 1000, seed=1)
    assert first == strikes([fault], [call()] * 1000, seed=1)
    assert first != strikes([fault], [call()] * 1000, seed=2)
    assert 240 < sum(struck is not None for struck, _ in first) < 360


def test_the_first_rule_that_is_due_strikes_and_latency_adds_up():
    once, always = Fault("reset", times=1), Fault("html")
    slow, slower = Fault("latency", seconds=0.5), Fault("latency", seconds=0.25)
    assert strikes([slow, once, always, slower], [call(), call()]) == [(once, 0.5), (always, 0.5)]
    assert strikes([slow, slower], [call()]) == [(None, 0.75)]


def test_rules_are_read_from_text():
    assert Fault.parse("throttle") == Fault("throttle")
    assert Fault.parse("cut_body, operation=DescribeProjects ,page=2,times=1") == Fault(
        "cut_body", operation="DescribeProjects", page=2, times=1
    )
    assert Fault.parse("latency,seconds=0.5,probability=0.1") == Fault("latency", seconds=0.5, probability=0.1)
    assert Fault.parse("raw_body,body={}") == Fault("raw_body", body=b"{}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("explode", "unknown fault 'explode'"),
        ("throttle,often=1", "'often=1' is not one of operation"),
        ("throttle,page", "'page' is not one of"),
        ("throttle,page=two", "'two' is not a value for page"),
        ("throttle,nth=1,every=2", "one of nth, every and probability"),
        ("throttle,times=0", "times counts from 1"),
        ("throttle,probability=1.5", "probability lies in 0..1"),
        ("latency,seconds=-1", "cannot be negative"),
    ],
)
def test_rules_that_make_no_sense_are_refused(text, words):
    with pytest.raises(EmulatorError, match=words):
        Fault.parse(text)

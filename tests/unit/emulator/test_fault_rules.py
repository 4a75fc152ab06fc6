"""Which calls a rule strikes, and how often."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.emulator import EmulatorError, Fault
from pipeline.emulator.faults import CallSite, FaultRules

SITE = CallSite("DescribeProjectVersions", "111122223333", "us-east-1", "p", 2, has_token=True, is_page=True)


def strikes(faults, sites, seed=0):
    rules = FaultRules(faults, seed)
    return [rules.strike(site) for site in sites]


def struck(fault, count=6, site=SITE):
    return [struck is not None for struck, _ in strikes([fault], [site] * count)]


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
    assert struck(fault, 1, dataclasses.replace(SITE, **elsewhere)) == [False]


@pytest.mark.parametrize(
    ("kind", "impossible"),
    [
        ("expired_token", {"has_token": False}),
        ("vanished", {"operation": "DescribeProjects"}),
    ],
)
def test_a_rule_waits_for_a_call_that_it_can_strike(kind, impossible):
    assert struck(Fault(kind), 1, dataclasses.replace(SITE, **impossible)) == [False]
    assert struck(Fault(kind), 1) == [True]


@pytest.mark.parametrize(
    ("kind", "possible", "impossible"),
    [
        ("repeat_token", {}, {"has_token": False}),
        ("empty_page_with_token", {}, {"after_empty": True}),
        ("empty_token", {"is_last": True}, {}),
        ("repeat_item", {}, {"page": 1}),
    ],
)
def test_a_page_rule_waits_for_such_a_page(kind, possible, impossible):
    assert struck(Fault(kind), 1, dataclasses.replace(SITE, **possible)) == [True]
    for changes in (impossible, {"is_page": False, "is_last": False}):
        assert struck(Fault(kind), 1, dataclasses.replace(SITE, **changes)) == [False]


def test_counts():
    assert struck(Fault("throttle", nth=3)) == [False, False, True, False, False, False]
    assert struck(Fault("throttle", every=2)) == [False, True] * 3
    assert struck(Fault("throttle", times=2)) == [True, True, False, False, False, False]
    assert struck(Fault("throttle", every=2, times=1)) == [False, True, False, False, False, False]
    assert struck(Fault("expired_token")) == [True] + [False] * 5
    assert struck(Fault("expired_token", times=2)) == [True, True, False, False, False, False]


def test_probability_is_drawn_from_the_seed():
    fault = Fault("throttle", probability=0.3)
    first = strikes([fault], [SITE] * 1000, seed=1)
    assert first == strikes([fault], [SITE] * 1000, seed=1)
    assert first != strikes([fault], [SITE] * 1000, seed=2)
    assert 240 < sum(struck is not None for struck, _ in first) < 360


def test_the_first_rule_that_is_due_strikes_and_latency_adds_up():
    once, always = Fault("reset", times=1), Fault("html")
    slow, slower = Fault("latency", seconds=0.5), Fault("latency", seconds=0.25)
    assert strikes([slow, once, always, slower], [SITE, SITE]) == [(once, 0.5), (always, 0.5)]
    assert strikes([slow, slower], [SITE]) == [(None, 0.75)]


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

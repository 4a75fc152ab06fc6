"""The details of the doctor that judge what the lake remembers."""

from __future__ import annotations

from typing import Any

from pipeline.jobs.doctor import quota_used
from pipeline.model.finding import Finding, Level


def scope(region: str = "us-east-1", **members: Any) -> dict[str, Any]:
    return {"account_id": "111122223333", "region": region, "calls": 0, "seconds": 10.0, "throttles": 0} | members


def test_the_busiest_operation_of_all_scopes_is_told():
    scopes = [
        scope(calls=45, calls_by_operation={"DescribeProjects": 5, "DescribeProjectVersions": 40}),
        scope("eu-west-1", calls=30, calls_by_operation={"DescribeProjects": 30}),
        scope("us-west-2"),
    ]
    assert quota_used({"scopes": scopes}, 5.0) == Finding(
        Level.OK,
        "quota",
        "the last sync made up to 4.0 calls a second (DescribeProjectVersions in 111122223333/us-east-1; the rate is "
        "5), and was never throttled",
    )


def test_a_burst_is_no_pace():
    assert "up to 4.0 calls a second" in quota_used({"scopes": [scope(calls=4, seconds=0.01)]}, 5.0).message


def test_throttles_are_a_warning():
    found = quota_used({"scopes": [scope(throttles=1), scope("eu-west-1", throttles=2000)]}, 5.0)
    assert found.level is Level.WARN
    assert found.message.endswith("and was throttled 2,001 times, most in 111122223333/eu-west-1")
    assert found.remedy == "lower --rate, or find out who else calls there"


def test_a_record_of_an_earlier_version_will_do():
    assert quota_used({"scopes": [{"account_id": "1", "region": "r"}]}, 5.0).level is Level.OK

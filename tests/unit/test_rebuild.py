from __future__ import annotations

import json

import pytest

from pipeline.flatten.rebuild import canonical, decode, differences

V = "DescribeProjectVersions"


@pytest.mark.parametrize(
    ("description", "other"),
    [
        ({"a": None, "b": {}, "c": [], "d": {"e": {}}}, {}),
        ({"BillableTrainingTimeInSeconds": 3.0}, {"BillableTrainingTimeInSeconds": 3}),
        ({"CreationTimestamp": 1.690556751958e9}, {"CreationTimestamp": 1690556751.958}),
        ({"CreationTimestamp": 1690556751.9580003}, {"CreationTimestamp": 1690556751.958}),
    ],
)
def test_what_counts_as_equal(description, other):
    assert canonical(V, description) == canonical(V, other)
    assert differences(V, description, other) == []


@pytest.mark.parametrize(
    ("description", "other"),
    [
        ({"a": 0}, {}),
        ({"a": ""}, {}),
        ({"a": False}, {}),
        ({"a": False}, {"a": 0}),
        ({"a": "1"}, {"a": 1}),
        ({"a": [{}]}, {"a": []}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"CreationTimestamp": 1690556751.958}, {"CreationTimestamp": 1690556751.958001}),
        ({"Other": 1690556751.9580003}, {"Other": 1690556751.958}),
        ({"a": 2**64}, {"a": 2**64 + 1}),
    ],
)
def test_what_counts_as_different(description, other):
    assert canonical(V, description) != canonical(V, other)
    assert differences(V, description, other)


def test_datasets_have_no_order_but_assets_have():
    def project(*arns):
        return {"Datasets": [{"DatasetArn": arn} for arn in arns]}

    assert canonical("DescribeProjects", project("a", "b")) == canonical("DescribeProjects", project("b", "a"))

    def version(*buckets):
        assets = [{"GroundTruthManifest": {"S3Object": {"Bucket": bucket}}} for bucket in buckets]
        return {"TrainingDataResult": {"Input": {"Assets": assets}}}

    assert canonical(V, version("a", "b")) != canonical(V, version("b", "a"))


def test_a_difference_names_member_and_both_values():
    (difference,) = differences(V, {"Status": "RUNNING"}, {"Status": "STOPPED"})
    assert difference == 'Status is "RUNNING" on the page and "STOPPED" in the tables'


def test_numbers_beyond_double_stay_text():
    assert decode(b'{"a":1e400,"b":18446744073709551616}') == {"a": "1e400", "b": 2**64}
    assert json.dumps(decode(b"1.5")) == "1.5"

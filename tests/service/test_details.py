"""What a sync asks beside projects and versions: each detail has its own quota, and fails by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.emulator import Dataset, Fault, StaticWorld
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake
from pipeline.lake.run_record import Outcome
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, REGION, project, rows, version

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
DATASET, TAGS, POLICIES = "DescribeDataset", "ListTagsForResource", "ListProjectPolicies"
CATS = project("cats")
TRAIN, TEST = (CATS["ProjectArn"].replace("/cats/", f"/cats/dataset/{kind}/") for kind in ("train", "test"))
V1 = version(CATS, "v1")["ProjectVersionArn"]


def described(labeled: int) -> Dataset:
    stats = {"LabeledEntries": labeled, "TotalEntries": 10, "TotalLabels": 2, "ErrorEntries": 1}
    members = {"CreationTimestamp": 1690405809.285, "LastUpdatedTimestamp": 1690405810.5, "Status": "CREATE_COMPLETE"}
    return Dataset({**members, "DatasetStats": stats})


def world(*, labeled: int = 7, policies: int = 7, datasets: tuple[str, ...] = (TRAIN, TEST)) -> StaticWorld:
    listed = [{"DatasetArn": arn, "DatasetType": "TRAIN", "Status": "CREATE_COMPLETE"} for arn in datasets]
    cats = {**CATS, "Datasets": listed}
    document = '{"Version":"2012-10-17","Statement":[]}'
    return StaticWorld(
        {(ACCOUNT, REGION): [(cats, [version(cats, "v1")]), (project("dogs"), [])]},
        datasets={arn: described(labeled) for arn in datasets},
        project_policies={
            CATS["ProjectArn"]: [
                {"ProjectArn": CATS["ProjectArn"], "PolicyName": f"p{number}", "PolicyDocument": document}
                for number in range(policies)
            ]
        },
        resource_tags={CATS["ProjectArn"]: {"team": "vision"}, V1: {"stage": "prod", "größe": "1"}, TRAIN: {"a": ""}},
    )


def only_scope(result: Any) -> Any:
    (scope,) = result.record.scopes
    return scope


def outcomes(result: Any) -> dict[str, str]:
    return {one.detail: str(one.outcome) for one in only_scope(result).details}


def test_datasets_are_described_by_default_and_nothing_else_is(serve: Serve):
    served = serve(world())
    result = served.sync()
    found = {one["dataset_arn"]: one for one in rows(served.lake, "dataset_statistics")}
    assert found.keys() == {TRAIN, TEST}
    one = found[TRAIN]
    assert (one["labeled_entries"], one["total_entries"], one["error_entries"], one["total_labels"]) == (7, 10, 1, 2)
    assert one["updated_at"].timestamp() == 1690405810.5
    assert outcomes(result) == {"datasets": "complete"}
    assert (served.calls(DATASET), served.calls(TAGS), served.calls(POLICIES)) == (2, 0, 0)


def test_all_details_fill_their_tables(serve: Serve):
    served = serve(world())
    result = served.sync(details=["datasets", "tags", "policies"])
    assert result.record.outcome is Outcome.COMPLETE
    tags = {(one["resource_arn"], one["tag_key"]): one["tag_value"] for one in rows(served.lake, "resource_tags")}
    assert tags == {
        (CATS["ProjectArn"], "team"): "vision",
        (V1, "stage"): "prod",
        (V1, "größe"): "1",
        (TRAIN, "a"): "",
    }
    assert [one["policy_name"] for one in rows(served.lake, "project_policies")] == [f"p{n}" for n in range(7)]
    assert served.calls(POLICIES) == 2 + 1  # seven policies are two pages of five
    assert served.calls(TAGS) == 2 + 2 + 1
    assert verify(LocalLake(served.lake)).differences == []
    assert served.sync(details=["datasets", "tags", "policies"]).is_published is False


def test_none_asks_for_no_detail(serve: Serve):
    served = serve(world())
    result = served.sync(details=["none"])
    assert outcomes(result) == {}
    assert served.calls(DATASET) == 0
    assert rows(served.lake, "dataset_statistics") == []


@pytest.mark.parametrize("kind", ["access_denied", "unknown_operation"])
def test_the_default_detail_is_left_out_where_it_is_not_permitted(serve: Serve, kind: str):
    served = serve(world(), faults=[Fault(kind, operation=DATASET)])
    result = served.sync()
    assert result.record.outcome is Outcome.COMPLETE
    (detail,) = only_scope(result).details
    assert (detail.detail, detail.outcome) == ("datasets", Outcome.SKIPPED)
    assert "DescribeDataset" in detail.error
    assert len(rows(served.lake, "project_versions")) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>no such page"),
        (501, b'{"message": "not implemented"}'),
        (405, b""),
        (400, b'{"__type": "com.example#UnknownTarget", "message": "what?"}'),
    ],
)
def test_an_endpoint_that_does_not_know_the_default_detail_is_listed_all_the_same(
    serve: Serve, status: int, body: bytes
):
    served = serve(world(), faults=[Fault("raw_body", operation=DATASET, status=status, body=body)])
    result = served.sync()
    assert result.record.outcome is Outcome.COMPLETE
    assert outcomes(result) == {"datasets": "skipped"}
    assert served.calls(DATASET) <= 2


@pytest.mark.parametrize(
    ("operation", "detail"), [(DATASET, "datasets"), (TAGS, "tags"), (POLICIES, "policies")], ids=lambda one: one
)
@pytest.mark.parametrize("kind", ["access_denied", "throttle", "html", "reset", "internal_error"])
def test_a_detail_that_was_asked_for_fails_by_itself(serve: Serve, operation: str, detail: str, kind: str):
    served = serve(world())
    served.sync(details=["datasets", "tags", "policies"])
    table = {"datasets": "dataset_statistics", "tags": "resource_tags", "policies": "project_policies"}[detail]
    before = rows(served.lake, table)
    grown = serve(world(labeled=9, policies=2), lake=served.lake, faults=[Fault(kind, operation=operation)])
    result = grown.sync(details=["datasets", "tags", "policies"], patience=0.3, max_attempts=3)
    assert result.record.outcome is Outcome.PARTIAL
    assert only_scope(result).outcome is Outcome.COMPLETE
    assert outcomes(result) == {one: "failed" if one == detail else "complete" for one in outcomes(result)}
    assert before
    assert rows(grown.lake, table) == before
    if detail != "datasets":
        assert {one["labeled_entries"] for one in rows(grown.lake, "dataset_statistics")} == {9}


def test_a_dataset_that_vanished_meanwhile_has_no_statistics(serve: Serve):
    gone = StaticWorld(world().scopes, datasets={TRAIN: described(7)})
    served = serve(gone)
    result = served.sync()
    assert result.record.outcome is Outcome.COMPLETE
    assert [one["dataset_arn"] for one in rows(served.lake, "dataset_statistics")] == [TRAIN]


def test_statistics_of_a_dataset_that_is_gone_end_though_the_detail_failed(serve: Serve):
    served = serve(world())
    served.sync()
    fewer = serve(world(datasets=(TRAIN,)), lake=served.lake, faults=[Fault("throttle", operation=DATASET)])
    result = fewer.sync(patience=0.2)
    assert outcomes(result) == {"datasets": "failed"}
    assert [one["dataset_arn"] for one in rows(fewer.lake, "dataset_statistics")] == [TRAIN]


def test_each_detail_has_a_quota_of_its_own(serve: Serve):
    served = serve(world(), tps=3.0)
    result = served.sync(rate=3.0, details=["datasets", "tags", "policies"])
    assert result.record.outcome is Outcome.COMPLETE
    assert not [call for call in served.endpoint.calls if call.error]
    assert only_scope(result).calls_by_operation == {
        "DescribeProjects": 1,
        "DescribeProjectVersions": 2,
        DATASET: 2,
        TAGS: 5,
        POLICIES: 3,
    }


def test_a_listing_without_a_detail_that_is_wanted_now_is_not_taken_over(serve: Serve, monkeypatch):
    served = serve(world())

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("pipeline.jobs.publish.add_scope", killed)
        served.sync(details=["datasets"])
    assert only_scope(served.sync(details=["datasets", "tags"])).resumed_from is None


def test_a_detail_that_fails_before_all_versions_are_known_fails_alone(serve: Serve):
    slow = Fault("latency", operation="DescribeProjectVersions", seconds=0.3)
    served = serve(world(), faults=[slow, Fault("access_denied", operation=TAGS)])
    result = served.sync(details=["datasets", "tags"])
    assert outcomes(result) == {"datasets": "complete", "tags": "failed"}
    assert only_scope(result).outcome is Outcome.COMPLETE
    assert len(rows(served.lake, "project_versions")) == 1

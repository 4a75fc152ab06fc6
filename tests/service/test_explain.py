"""explain: from a row back to its run, landed page and description; what is gone, and what was never seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from pipeline import settings
from pipeline.emulator import Dataset, StaticWorld
from pipeline.errors import LakeError, UsageError
from pipeline.jobs.explain import Explanation, Status, explain
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, OTHER, REGION, project, version

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
CATS = project("version")  # as ARNs have it before the version's name
TRAIN = CATS["ProjectArn"].replace("/version/", "/version/dataset/train/")
V1, V2 = (version(CATS, name) for name in ("v1", "v2"))
POLICY = {"ProjectArn": CATS["ProjectArn"], "PolicyName": "share", "PolicyDocument": "{}"}


def world(*versions: dict[str, Any]) -> StaticWorld:
    dataset = {"DatasetArn": TRAIN, "DatasetType": "TRAIN", "Status": "CREATE_COMPLETE"}
    return StaticWorld(
        {(ACCOUNT, REGION): [({**CATS, "Datasets": [dataset]}, list(versions)), (project("dogs"), [])]},
        datasets={TRAIN: Dataset({"Status": "CREATE_COMPLETE", "DatasetStats": {"TotalEntries": 10}})},
        project_policies={CATS["ProjectArn"]: [POLICY]},
        resource_tags={CATS["ProjectArn"]: {"team": "vision"}, V1["ProjectVersionArn"]: {"stage": "prod"}},
    )


def explained(served: Served, arn: str) -> Explanation:
    return explain(settings.load(lake=str(served.lake), environment={}), arn)


def test_a_version_is_traced_to_its_page_and_through_its_states(serve: Serve):
    served = serve(world({**V1, "Status": "RUNNING", "Novelty": 1}, V2))
    first = served.sync()
    served = serve(world({**V1, "Status": "STOPPED", "Novelty": 1}, V2), lake=served.lake)
    second = served.sync()
    found = explained(served, V1["ProjectVersionArn"])
    assert (found.kind, found.status, found.gone_since, found.missing) == ("model version", Status.PRESENT, None, [])
    assert found.snapshot == second.record.run_id
    (page,) = found.pages
    assert (served.lake / page.file).exists()
    assert (page.run_id, page.operation, page.page_number) == (second.record.run_id, "DescribeProjectVersions", 1)
    assert page.request_id
    assert page.description == {**V1, "Status": "STOPPED", "Novelty": 1}
    (rows,) = found.tables
    assert rows.table == "project_versions"
    assert rows.published == rows.flattened
    assert [row["version_name"] for row in rows.published] == ["v1"]
    running, stopped = rows.states
    assert (running["status"], stopped["status"]) == ("RUNNING", "STOPPED")
    assert (running["valid_to"], stopped["valid_to"]) == (stopped["valid_from"], None)
    assert running["valid_from"].isoformat()[:19] == first.record.scopes[0].listed_at[:19]


@pytest.mark.parametrize(
    ("arn", "kind", "operations", "tables"),
    [
        (
            CATS["ProjectArn"],
            "project",
            ["DescribeProjects", "ListProjectPolicies", "ListTagsForResource"],
            ["projects", "resource_tags", "project_policies"],
        ),
        (
            TRAIN,
            "dataset",
            ["DescribeDataset", "DescribeProjects", "ListTagsForResource"],
            ["datasets", "dataset_statistics"],
        ),
        (
            V1["ProjectVersionArn"],
            "model version",
            ["DescribeProjectVersions", "ListTagsForResource"],
            ["project_versions", "resource_tags"],
        ),
    ],
)
def test_details_are_explained_too(serve: Serve, arn: str, kind: str, operations: list[str], tables: list[str]):
    served = serve(world(V1, V2))
    served.sync(details=["datasets", "tags", "policies"])
    found = explained(served, arn)
    assert (found.kind, found.status) == (kind, Status.PRESENT)
    assert sorted(page.operation for page in found.pages) == operations
    assert {rows.table for rows in found.tables} == set(tables)
    for rows in found.tables:
        assert rows.published == rows.flattened
        assert [(len(rows.published), len(rows.states))] == [(1, 1)]


def test_a_detail_of_an_earlier_run_is_found_on_its_page(serve: Serve):
    served = serve(world(V1))
    first = served.sync(details=["tags"])
    second = serve(world(V1, V2), lake=served.lake).sync(details=["none"])
    pages = explained(served, V1["ProjectVersionArn"]).pages
    assert [(page.operation, page.run_id) for page in pages] == [
        ("DescribeProjectVersions", second.record.run_id),
        ("ListTagsForResource", first.record.run_id),
    ]


def test_what_is_gone_says_since_when(serve: Serve):
    served = serve(world(V1, V2))
    served.sync()
    served = serve(world(V2), lake=served.lake)
    second = served.sync()
    found = explained(served, V1["ProjectVersionArn"])
    assert (found.status, found.pages) == (Status.GONE, [])
    assert found.gone_since == found.source.listed_at
    assert second.record.run_id == found.source.run_id
    (rows,) = found.tables
    assert (rows.published, rows.flattened) == ([], [])
    assert [state["valid_to"] for state in rows.states] == [found.gone_since]


def test_what_was_never_seen_is_unknown(serve: Serve):
    served = serve(world(V1))
    served.sync()
    for arn in (project("birds")["ProjectArn"], version(project("birds"), "v1")["ProjectVersionArn"]):
        found = explained(served, arn)
        assert (found.status, found.gone_since, found.pages, found.tables) == (Status.UNKNOWN, None, [], [])
        assert found.source is not None
    elsewhere = explained(served, project("cats", OTHER)["ProjectArn"])
    assert (elsewhere.status, elsewhere.source) == (Status.UNKNOWN, None)


def test_without_its_landed_pages_the_rest_is_explained(serve: Serve):
    served = serve(world(V1))
    served.sync()
    shutil.rmtree(served.lake / "raw")
    found = explained(served, V1["ProjectVersionArn"])
    assert (found.status, found.pages) == (Status.PRESENT, [])
    assert all("landed pages cannot be read" in missing for missing in found.missing)
    (rows,) = found.tables
    assert rows.flattened is None
    assert (len(rows.published), len(rows.states)) == (1, 1)


def test_a_lake_on_s3_is_explained_and_left_as_it_is(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path):
    served = serve(world(V1))
    monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "cache"))
    s3: Any = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="lakes")
    served.lake = "s3://lakes/mine"
    served.sync()
    before = s3.list_objects_v2(Bucket="lakes")["Contents"]
    found = explained(served, V1["ProjectVersionArn"])
    assert found.status is Status.PRESENT
    assert f"mine/{found.pages[0].file}" in {stored["Key"] for stored in before}
    assert s3.list_objects_v2(Bucket="lakes")["Contents"] == before


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "cats",
        "arn:aws:s3:::bucket",
        f"arn:aws:rekognition:{REGION}:{ACCOUNT}:collection/cats",
        f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/cats",
        f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/cats/evaluation/v1/1",
        f"project/cats/version/v1/1:{REGION}",
    ],
)
def test_another_arn_is_wrong_usage(tmp_path, arn: str):
    with pytest.raises(UsageError, match="is not the ARN of a project, dataset or model version"):
        explain(settings.load(lake=str(tmp_path), environment={}), arn)


def test_before_the_first_sync_there_is_nothing_to_explain(tmp_path):
    with pytest.raises(LakeError, match="reklake sync"):
        explain(settings.load(lake=str(tmp_path / "none"), environment={}), CATS["ProjectArn"])

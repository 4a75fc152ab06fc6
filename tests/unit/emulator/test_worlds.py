"""Worlds: random, given literally, and the demo's own."""

from __future__ import annotations

import itertools
import json
import re
import struct
from collections import Counter

import pytest

from pipeline.emulator import (
    DEFAULT_ACCOUNT,
    Dataset,
    RandomWorld,
    StaticWorld,
    demo_world,
)
from pipeline.emulator.generated_world import NOW
from pipeline.emulator.json_protocol import encode
from pipeline.emulator.operations import entry_labels
from pipeline.emulator.request import service_model
from pipeline.emulator.world import LazySequence

ACCOUNTS = ("111122223333", "555566667777")
REGIONS = ("us-east-1", "eu-west-1")
SCOPES = tuple(itertools.product(ACCOUNTS, REGIONS))


@pytest.fixture(scope="module")
def large():
    return RandomWorld(3, accounts=ACCOUNTS, regions=REGIONS, projects=40, versions=20)


def everything(world, scopes):
    for account, region in scopes:
        for project in world.projects(account, region):
            yield (account, region), project, list(world.versions(account, region, project["ProjectArn"]))


def all_versions(world, scopes=SCOPES):
    return [version for _, _, versions in everything(world, scopes) for version in versions]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    def content(seed: int) -> bytes:
        world = RandomWorld(seed, projects=10, versions=5)
        scopes = [(DEFAULT_ACCOUNT, region) for region in REGIONS]
        return encode([[project, versions] for _, project, versions in everything(world, scopes)])

    assert content(1) == content(1)
    assert content(1) != content(2)


def test_any_part_can_be_made_alone(large):
    account, region = SCOPES[1]
    project = next(
        p for p in large.projects(account, region) if len(large.versions(account, region, p["ProjectArn"])) > 9
    )
    versions = large.versions(account, region, project["ProjectArn"])
    fresh = RandomWorld(3, accounts=ACCOUNTS, regions=REGIONS, projects=40, versions=20)
    assert fresh.versions(account, region, project["ProjectArn"])[7] == list(versions)[7] == versions[5:9][2]


def test_every_status_occurs(large):
    known = set(service_model().shape_for("ProjectVersionStatus").enum)
    assert {version["Status"] for version in all_versions(large)} == known


def test_members_follow_the_status(large):
    for version in all_versions(large):
        status, names = version["Status"], version.keys()
        if status == "TRAINING_IN_PROGRESS":
            assert names - {"Feature"} <= {
                "ProjectVersionArn", "CreationTimestamp", "Status", "StatusMessage", "OutputConfig",
                "TrainingDataResult", "TestingDataResult",
            }  # fmt: skip
            assert version["TrainingDataResult"].keys() == {"Input"}
        has_model = status not in (
            "TRAINING_IN_PROGRESS",
            "TRAINING_FAILED",
            "COPYING_IN_PROGRESS",
            "COPYING_FAILED",
        )
        assert ("EvaluationResult" in names) is has_model
        assert ("BillableTrainingTimeInSeconds" in names) is (has_model and "SourceProjectVersionArn" not in names)
        if status == "RUNNING":
            assert version["MinInferenceUnits"] >= 1
            assert version.get("MaxInferenceUnits", 99) > version["MinInferenceUnits"]
        if status.startswith("COPYING"):
            assert "SourceProjectVersionArn" in names
        assert version["StatusMessage"]


def test_billed_time_is_not_elapsed_time(large):
    for version in all_versions(large):
        if "BillableTrainingTimeInSeconds" in version:
            elapsed = version["TrainingEndTimestamp"] - version["CreationTimestamp"]
            assert version["BillableTrainingTimeInSeconds"] > 0
            assert abs(version["BillableTrainingTimeInSeconds"] - elapsed) > 1


def test_versions_are_dated_before_now_newest_first_and_unique(large):
    arns = [version["ProjectVersionArn"] for version in all_versions(large)]
    assert len(set(arns)) == len(arns) > 2000
    for _, project, versions in everything(large, SCOPES):
        created = [version["CreationTimestamp"] for version in versions]
        assert created == sorted(created, reverse=True)
        for version in versions:
            assert project["CreationTimestamp"] < version["CreationTimestamp"] < NOW.timestamp()
            assert version.get("TrainingEndTimestamp", 0) <= NOW.timestamp()
            millis = int(version["ProjectVersionArn"].rpartition("/")[2])
            assert version["CreationTimestamp"] == millis / 1000


def test_f1_is_a_float32_and_improves(large):
    gains = []
    for _, _, versions in everything(large, SCOPES):
        own = [
            v["EvaluationResult"]["F1Score"]
            for v in versions
            if "EvaluationResult" in v and "SourceProjectVersionArn" not in v
        ]
        for score in own:
            assert 0.0 < score <= 1.0
            assert struct.unpack("f", struct.pack("f", score))[0] == score
        if len(own) > 5:
            gains.append(own[0] - own[-1])
    assert sum(gain > 0 for gain in gains) > 0.95 * len(gains)


def test_copies_come_from_versions_that_exist_across_scopes_and_in_chains(large):
    versions = {version["ProjectVersionArn"]: version for version in all_versions(large)}
    copies = [version for version in versions.values() if "SourceProjectVersionArn" in version]
    crossings = Counter()
    chains = 0
    for copy in copies:
        source = versions[copy["SourceProjectVersionArn"]]
        assert source["CreationTimestamp"] < copy["CreationTimestamp"]
        assert "EvaluationResult" in source
        if "EvaluationResult" in copy:
            assert copy["EvaluationResult"]["F1Score"] == source["EvaluationResult"]["F1Score"]
        here, there = (v["ProjectVersionArn"].split(":")[3:5] for v in (copy, source))
        crossings["region"] += here[0] != there[0]
        crossings["account"] += here[1] != there[1]
        crossings["neither"] += here == there
        chains += "SourceProjectVersionArn" in source
    assert all(crossings[kind] > 5 for kind in ("region", "account", "neither"))
    assert chains > 0


def input_manifests(version, data_result):
    assets = version.get(data_result, {}).get("Input", {}).get("Assets", [])
    return [json.dumps(asset["GroundTruthManifest"]["S3Object"], sort_keys=True) for asset in assets]


def test_versions_share_manifests_within_and_between_projects(large):
    for data_result, between in (("TrainingDataResult", False), ("TestingDataResult", True)):
        projects: dict[str, list[str]] = {}
        for version in all_versions(large):
            for manifest in input_manifests(version, data_result):
                projects.setdefault(manifest, []).append(version["ProjectVersionArn"].split("/version/")[0])
        assert max(len(users) for users in projects.values()) > 1
        assert any(len(set(users)) > 1 for users in projects.values()) is between


def test_inputs_vary(large):
    versions = [version for version in all_versions(large) if "TrainingDataResult" in version]
    training = [version["TrainingDataResult"].get("Input") for version in versions]
    assert {} in training
    assert any(value and len(value["Assets"]) > 1 for value in training)
    assert {v["TestingDataResult"].get("Input", {}).get("AutoCreate") for v in versions} >= {True, False}


def test_adapters_have_their_members(large):
    adapters = [v for v in all_versions(large) if v.get("Feature") == "CONTENT_MODERATION"]
    assert {v["BaseModelVersion"] for v in adapters} == {"6.1", "7.0"}
    assert all(50 <= v["FeatureConfig"]["ContentModeration"]["ConfidenceThreshold"] <= 70 for v in adapters)
    projects = [p for scope in SCOPES for p in large.projects(*scope)]
    assert {p["AutoUpdate"] for p in projects if p.get("Feature") == "CONTENT_MODERATION"} == {
        "ENABLED",
        "DISABLED",
    }
    assert {p.get("Feature") for p in projects} == {None, "CUSTOM_LABELS", "CONTENT_MODERATION"}


def test_some_projects_are_empty_and_some_are_not_ready(large):
    sizes = {p["ProjectArn"]: len(versions) for _, p, versions in everything(large, SCOPES)}
    assert 0 in sizes.values()
    many = RandomWorld(1, regions=("us-east-1",), projects=300, versions=(0,))
    statuses = {p["Status"] for p in many.projects(DEFAULT_ACCOUNT, "us-east-1")}
    assert statuses == {"CREATED", "CREATING", "DELETING"}


def test_sizes_are_exact_where_they_are_given():
    world = RandomWorld(1, regions=("us-east-1",), projects=5, versions=(0, 1, 250))
    sizes = [
        len(world.versions(DEFAULT_ACCOUNT, "us-east-1", p["ProjectArn"]))
        for p in world.projects(DEFAULT_ACCOUNT, "us-east-1")
    ]
    assert sizes == [0, 1, 250, 0, 1]


def test_project_names_are_valid_and_unlike_each_other():
    world = RandomWorld(1, regions=("us-east-1",), projects=400, versions=(0,))
    names = [p["ProjectArn"].split("/")[1] for p in world.projects(DEFAULT_ACCOUNT, "us-east-1")]
    assert len(set(names)) == 400
    assert all(re.fullmatch(r"[a-zA-Z0-9_.\-]{1,255}", name) for name in names)


def test_dataset_statistics_and_labels_are_those_of_the_entries(large):
    checked = Counter()
    for (account, region), project, _ in everything(large, SCOPES[:1]):
        for metadata in project["Datasets"]:
            dataset = large.dataset(account, region, metadata["DatasetArn"])
            lines = [json.loads(entry) for entry in dataset.entries]
            stats = dataset.description["DatasetStats"]
            labels = [set(entry_labels(line)) for line in lines]
            assert stats["TotalEntries"] == len(lines) == len({line["source-ref"] for line in lines})
            assert stats["LabeledEntries"] == sum(bool(found) for found in labels)
            assert [line["cl-metadata"]["is_labeled"] for line in lines] == [bool(found) for found in labels]
            assert stats["ErrorEntries"] == sum("cl-errors" in line for line in lines)
            counts = Counter(label for found in labels for label in found)
            listed = {d["LabelName"]: d["LabelStats"] for d in dataset.labels}
            assert {name: s["EntryCount"] for name, s in listed.items()} == counts
            assert stats["TotalLabels"] == len(listed)
            boxes = Counter(
                line["bounding-box-metadata"]["class-map"][str(box["class_id"])]
                for line in lines
                for box in line.get("bounding-box", {}).get("annotations", ())
            )
            assert {n: s["BoundingBoxCount"] for n, s in listed.items() if "BoundingBoxCount" in s} == boxes
            assert (
                metadata.items() - {("DatasetType", metadata["DatasetType"])}
                <= (dataset.description | {"DatasetArn": metadata["DatasetArn"]}).items()
            )
            checked.update(entries=len(lines), errors=stats["ErrorEntries"], boxes=sum(boxes.values()))
    assert checked["entries"] > 500
    assert checked["errors"] > 0
    assert checked["boxes"] > 100


def test_tags_are_those_of_known_resources(large):
    tagged = Counter()
    for (account, region), project, versions in everything(large, SCOPES[:1]):
        for arn in (project["ProjectArn"], *(v["ProjectVersionArn"] for v in versions[:3])):
            tags = large.tags(account, region, arn)
            assert tags is not None
            tagged[bool(tags)] += 1
        for metadata in project["Datasets"]:
            assert large.tags(account, region, metadata["DatasetArn"]) is not None
        assert large.tags(account, region, project["ProjectArn"] + "0") is None
    assert tagged[True] > 10
    assert tagged[False] > 10


def test_unknown_scopes_and_arns_are_empty(large):
    project = large.projects(*SCOPES[0])[0]["ProjectArn"]
    assert list(large.projects("999999999999", "us-east-1")) == []
    assert list(large.projects(ACCOUNTS[0], "us-west-2")) == []
    assert large.versions(*SCOPES[1], project) is None
    assert large.policies(*SCOPES[1], project) is None
    assert large.dataset(*SCOPES[0], project.rpartition("/")[0] + "/dataset/train/1") is None
    assert large.tags("999999999999", "us-east-1", project) is None


def test_the_demo_s_world_tells_its_stories():
    world = demo_world()
    scopes = [(DEFAULT_ACCOUNT, region) for region in REGIONS]
    versions = {v["ProjectVersionArn"]: v for v in all_versions(world, scopes)}
    statuses = Counter(version["Status"] for version in versions.values())
    assert 55 <= len(versions) <= 65
    assert statuses["RUNNING"] == 2
    assert statuses["TRAINING_FAILED"] >= 3
    lineages = []
    for version in versions.values():
        regions = [version["ProjectVersionArn"].split(":")[3]]
        while "SourceProjectVersionArn" in version:
            version = versions[version["SourceProjectVersionArn"]]  # noqa: PLW2901  walking up
            regions.append(version["ProjectVersionArn"].split(":")[3])
        lineages.append(regions)
    assert max(lineages, key=len) == ["eu-west-1", "us-east-1", "eu-west-1", "us-east-1"]
    scores = [v["EvaluationResult"]["F1Score"] for v in versions.values() if "EvaluationResult" in v]
    assert len(scores) > 40


def project(name: str, **more):
    return {"ProjectArn": f"arn:aws:rekognition:us-east-1:111122223333:project/{name}/1", **more}


def test_a_static_world_is_what_it_is_given():
    first, second = project("a", Unheard={"x": 1}), project("b")
    version = {"ProjectVersionArn": "arn:aws:rekognition:us-east-1:111122223333:project/a/version/v1/2"}
    data = "arn:aws:rekognition:us-east-1:111122223333:project/a/dataset/train/3"
    world = StaticWorld(
        {("111122223333", "us-east-1"): [(first, [version]), (second, [])]},
        datasets={data: Dataset({"Status": "CREATE_COMPLETE"})},
        project_policies={first["ProjectArn"]: [{"PolicyName": "p"}]},
        resource_tags={version["ProjectVersionArn"]: {"k": "v"}},
    )
    here, there = ("111122223333", "us-east-1"), ("111122223333", "eu-west-1")
    assert world.projects(*here) == [first, second]
    assert world.projects(*there) == []
    assert world.versions(*here, first["ProjectArn"]) == [version]
    assert world.versions(*here, "unknown") is None
    assert world.dataset(*here, data).description == {"Status": "CREATE_COMPLETE"}
    assert world.dataset(*there, data) is None
    assert world.policies(*here, first["ProjectArn"]) == [{"PolicyName": "p"}]
    assert world.policies(*here, second["ProjectArn"]) == ()
    assert world.policies(*there, first["ProjectArn"]) is None
    assert world.tags(*here, version["ProjectVersionArn"]) == {"k": "v"}
    assert world.tags(*here, first["ProjectArn"]) == {}
    assert world.tags(*here, data) == {}
    assert world.tags(*here, first["ProjectArn"] + "9") is None
    assert world.tags(*there, version["ProjectVersionArn"]) is None


def test_a_lazy_sequence_is_a_sequence():
    made: list[int] = []
    squares = LazySequence(5, lambda i: made.append(i) or i * i)
    assert squares[1:3] == [1, 4]
    assert made == [1, 2]
    assert squares[-1] == 16
    assert list(squares) == [0, 1, 4, 9, 16]
    assert squares[3:99] == [9, 16]
    assert len(squares) == 5
    for index in (5, -6):
        with pytest.raises(IndexError):
            squares[index]

"""The published samples as a world."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from pipeline.emulator import DEFAULT_ACCOUNT, EmulatorError
from pipeline.emulator import published_samples as samples_module
from pipeline.emulator.published_samples import published_samples, sample_folder

SCOPE = (DEFAULT_ACCOUNT, "us-east-1")
PROJECT = "arn:aws:rekognition:us-east-1:111122223333:project/my-project/1690474772815"


def published(operation: str):
    return json.loads((sample_folder() / "responses" / f"{operation}.json").read_text())


def with_iso(value, like):
    """Epoch numbers back in the published spelling."""
    if isinstance(like, dict):
        return {
            name: datetime.fromisoformat(like[name])
            == datetime.fromtimestamp(member, datetime.fromisoformat(like[name]).tzinfo)
            and like[name]
            if name.endswith("Timestamp")
            else with_iso(member, like[name])
            for name, member in value.items()
        }
    return [with_iso(v, k) for v, k in zip(value, like, strict=True)] if isinstance(like, list) else value


def test_the_published_descriptions_are_served_to_the_last_member():
    world = published_samples()
    versions = published("DescribeProjectVersions")["ProjectVersionDescriptions"]
    assert with_iso(world.versions(*SCOPE, PROJECT), versions) == versions
    projects = published("DescribeProjects")["ProjectDescriptions"]
    assert with_iso(world.projects(*SCOPE)[1:], projects) == projects
    policies = published("ListProjectPolicies")["ProjectPolicies"]
    assert with_iso(world.policies(*SCOPE, policies[0]["ProjectArn"]), policies) == policies
    dataset = published("DescribeDataset")["DatasetDescription"]
    listed = world.projects(*SCOPE)[0]["Datasets"][0]["DatasetArn"]
    assert with_iso(world.dataset(*SCOPE, listed).description, dataset) == dataset
    for operation, key in (
        ("ListDatasetEntries", "DatasetEntries"),
        ("ListDatasetLabels", "DatasetLabelDescriptions"),
    ):
        example = published(operation)[0]
        found = world.dataset(*SCOPE, example["input"]["DatasetArn"])
        assert (found.entries if key == "DatasetEntries" else found.labels) == example["output"][key]


def test_the_published_version_belongs_to_the_published_project():
    world = published_samples()
    (version,) = world.versions(*SCOPE, PROJECT)
    assert version["ProjectVersionArn"].startswith(PROJECT.rpartition("/")[0] + "/version/1/")
    assert version["CreationTimestamp"] == 1690556751.958
    assert world.projects(*SCOPE)[0]["ProjectArn"] == PROJECT
    assert all(world.dataset(*SCOPE, d["DatasetArn"]) for p in world.projects(*SCOPE) for d in p["Datasets"])


def test_every_file_s_origin_is_named():
    text = (sample_folder() / "README.md").read_text()
    for path in sample_folder().glob("*/*"):
        stem = path.name.split(".")[0]
        assert stem in text, path


def test_a_wheel_s_folder_comes_first(monkeypatch, tmp_path):
    module = tmp_path / "site" / "pipeline" / "emulator" / "published_samples.py"
    (tmp_path / "site" / "data" / "sample").mkdir(parents=True)
    monkeypatch.setattr(samples_module, "__file__", str(module))
    assert sample_folder() == tmp_path / "site" / "data" / "sample"
    (module.parent / "sample").mkdir(parents=True)
    assert sample_folder() == module.parent / "sample"


def test_missing_samples_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(samples_module, "__file__", str(tmp_path / "pipeline" / "emulator" / "published_samples.py"))
    with pytest.raises(EmulatorError, match="samples are missing"):
        sample_folder()

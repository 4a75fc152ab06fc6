"""The responses that AWS published as examples, as a world; data/sample/README.md names their origins."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.emulator.accounts import DEFAULT_ACCOUNT
from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.world import Dataset, StaticWorld

SAMPLE_REGION = "us-east-1"

# The examples belong together by their ARNs: CreateProjectVersion's example trains, in this project, the
# version that DescribeProjectVersions' example describes; and CreateDataset's makes, there, the dataset whose
# CreationTimestamp is that of DescribeDataset's example.
_PROJECT = "arn:aws:rekognition:us-east-1:111122223333:project/my-project/1690474772815"
_DATASET = "arn:aws:rekognition:us-east-1:111122223333:project/my-project/dataset/train/1690476084535"


def sample_folder() -> Path:
    """Folder of the published samples: inside the wheel, or data/sample of a checkout.

    Raises:
        EmulatorError: neither is there.

    """
    here = Path(__file__).resolve().parent
    for folder in (here / "sample", here.parents[1] / "data" / "sample"):
        if folder.is_dir():
            return folder
    raise EmulatorError(f"the published samples are missing from {here}: install reklake again")


def published_samples() -> StaticWorld:
    """Return the published project, its version, datasets and policies, in their account's us-east-1."""
    versions = _response("DescribeProjectVersions")["ProjectVersionDescriptions"]
    described = _response("DescribeProjects")["ProjectDescriptions"]
    dataset = _response("DescribeDataset")["DatasetDescription"]
    entries = _example("ListDatasetEntries")
    labels = _example("ListDatasetLabels")
    policies = _response("ListProjectPolicies")["ProjectPolicies"]
    project: JsonObject = {
        "ProjectArn": _PROJECT,
        "CreationTimestamp": epoch_seconds(int(_PROJECT.rpartition("/")[2])),
        "Status": "CREATED",
        "Datasets": [_metadata_of(dataset)],
    }
    datasets = {
        metadata["DatasetArn"]: Dataset(_description_of(metadata))
        for known in described
        for metadata in known["Datasets"]
    }
    datasets[_DATASET] = Dataset(dataset)
    listed = labels["output"]["DatasetLabelDescriptions"]
    lines = entries["output"]["DatasetEntries"]
    datasets[entries["input"]["DatasetArn"]] = Dataset(_ready_dataset(entries["input"]["DatasetArn"]), lines, listed)
    return StaticWorld(
        scopes={(DEFAULT_ACCOUNT, SAMPLE_REGION): [(project, versions), *((known, []) for known in described)]},
        datasets=datasets,
        project_policies={policy["ProjectArn"]: [policy] for policy in policies},
    )


def _response(operation: str) -> JsonObject:
    """Read the published response of an operation; its ISO timestamps become numbers, as on the wire."""
    text = (sample_folder() / "responses" / f"{operation}.json").read_text(encoding="utf-8")
    response: JsonObject = _with_epochs(json.loads(text))
    return response


def _example(operation: str) -> JsonObject:
    """Read the published example of an operation: its `input` and `output`."""
    text = (sample_folder() / "responses" / f"{operation}.json").read_text(encoding="utf-8")
    example: JsonObject = json.loads(text)[0]
    return example


def _with_epochs(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: round(datetime.fromisoformat(member).timestamp(), 6)
            if name.endswith("Timestamp")
            else _with_epochs(member)
            for name, member in value.items()
        }
    return [_with_epochs(item) for item in value] if isinstance(value, list) else value


def _metadata_of(dataset: JsonObject) -> JsonObject:
    """DatasetMetadata, as DescribeProjects lists it, of the published dataset."""
    shared = ("CreationTimestamp", "Status", "StatusMessage", "StatusMessageCode")
    return {"DatasetArn": _DATASET, "DatasetType": "TRAIN", **{name: dataset[name] for name in shared}}


def _description_of(metadata: JsonObject) -> JsonObject:
    """DatasetDescription of a dataset of which only the metadata is published; it has no statistics."""
    shared = ("CreationTimestamp", "Status", "StatusMessage", "StatusMessageCode")
    return {
        **{name: metadata[name] for name in shared},
        "LastUpdatedTimestamp": metadata["CreationTimestamp"],
    }


def _ready_dataset(arn: str) -> JsonObject:
    """DatasetDescription of a dataset of which only entries and labels are published."""
    created = epoch_seconds(int(arn.rpartition("/")[2]))
    return {
        "CreationTimestamp": created,
        "LastUpdatedTimestamp": created,
        "Status": "CREATE_COMPLETE",
        "StatusMessageCode": "SUCCESS",
    }

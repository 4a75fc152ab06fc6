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

_IN_METADATA = ("CreationTimestamp", "Status", "StatusMessage", "StatusMessageCode")
# The examples belong together by their ARNs: CreateProjectVersion's example trains, in this project, the
# version that DescribeProjectVersions' example describes; and CreateDataset's makes, there, the dataset whose
# CreationTimestamp is that of DescribeDataset's example.
_PROJECT = "arn:aws:rekognition:us-east-1:111122223333:project/my-project/1690474772815"
_DATASET = "arn:aws:rekognition:us-east-1:111122223333:project/my-project/dataset/train/1690476084535"


def sample_folder() -> Path:
    """Return the folder of the published samples: inside the wheel, or data/sample of a checkout.

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
    described = _read("DescribeProjects")["ProjectDescriptions"]
    dataset = _read("DescribeDataset")["DatasetDescription"]
    entries, labels = _read("ListDatasetEntries")[0], _read("ListDatasetLabels")[0]
    policies = _read("ListProjectPolicies")["ProjectPolicies"]
    shared = {name: dataset[name] for name in _IN_METADATA}
    project: JsonObject = {
        "ProjectArn": _PROJECT,
        "CreationTimestamp": _created_in(_PROJECT),
        "Status": "CREATED",
        "Datasets": [{"DatasetArn": _DATASET, "DatasetType": "TRAIN", **shared}],
    }
    # of these datasets only the metadata is published
    datasets = {
        metadata["DatasetArn"]: Dataset(
            {name: metadata[name] for name in _IN_METADATA} | {"LastUpdatedTimestamp": metadata["CreationTimestamp"]}
        )
        for known in described
        for metadata in known["Datasets"]
    }
    datasets[_DATASET] = Dataset(dataset)
    # of this dataset only entries and labels are published
    arn = entries["input"]["DatasetArn"]
    created = _created_in(arn)
    datasets[arn] = Dataset(
        {
            "CreationTimestamp": created,
            "LastUpdatedTimestamp": created,
            "Status": "CREATE_COMPLETE",
            "StatusMessageCode": "SUCCESS",
        },
        entries["output"]["DatasetEntries"],
        labels["output"]["DatasetLabelDescriptions"],
    )
    versions = _read("DescribeProjectVersions")["ProjectVersionDescriptions"]
    return StaticWorld(
        scopes={(DEFAULT_ACCOUNT, "us-east-1"): [(project, versions), *((known, []) for known in described)]},
        datasets=datasets,
        project_policies={policy["ProjectArn"]: [policy] for policy in policies},
    )


def _read(operation: str) -> Any:
    """Return what is published for an operation; ISO timestamps become numbers, which the API sends."""
    text = (sample_folder() / "responses" / f"{operation}.json").read_text(encoding="utf-8")
    return _with_epochs(json.loads(text))


def _with_epochs(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: datetime.fromisoformat(member).timestamp() if name.endswith("Timestamp") else _with_epochs(member)
            for name, member in value.items()
        }
    return [_with_epochs(item) for item in value] if isinstance(value, list) else value


def _created_in(arn: str) -> float:
    """Return the creation time in an ARN's last segment."""
    return epoch_seconds(int(arn.rpartition("/")[2]))

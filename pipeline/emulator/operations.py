"""The operations: a checked request and a world in, a listing or a description out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.emulator.json_protocol import JsonObject, ServiceError
from pipeline.emulator.request import Request, name_in_arn
from pipeline.emulator.world import Dataset, World

T = TypeVar("T")

Items = tuple[str, Sequence[object]]
"""Name of a listing's member, and all items of the listing."""
Operation = Callable[[World, Request], Items | JsonObject]
"""Gives a listing to be paged or a whole answer; raises ServiceError."""

_BUSY = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
_ENTRY_FILTERS = frozenset({"ContainsLabels", "Labeled", "SourceRefContains", "HasErrors"})


def _describe_projects(world: World, request: Request) -> Items:
    features = request.params.get("Features") or ["CUSTOM_LABELS"]
    names = request.params.get("ProjectNames")
    return "ProjectDescriptions", [
        project
        for project in world.projects(request.account, request.region)
        if project.get("Feature", "CUSTOM_LABELS") in features
        and (names is None or name_in_arn(project.get("ProjectArn", ""), "project") in names)
    ]


def _describe_project_versions(world: World, request: Request) -> Items:
    arn = request.params["ProjectArn"]
    versions = _found(world.versions(request.account, request.region, arn), arn)
    names = request.params.get("VersionNames")
    if names is not None:
        versions = [one for one in versions if name_in_arn(one.get("ProjectVersionArn", ""), "version") in names]
    return "ProjectVersionDescriptions", versions


def _describe_dataset(world: World, request: Request) -> JsonObject:
    return {"DatasetDescription": _dataset(world, request).description}


def _list_dataset_entries(world: World, request: Request) -> Items:
    entries = _ready(_dataset(world, request)).entries
    if request.params.keys() & _ENTRY_FILTERS:
        entries = [entry for entry in entries if _entry_fits(json.loads(entry), request.params)]
    return "DatasetEntries", entries


def _list_dataset_labels(world: World, request: Request) -> Items:
    return "DatasetLabelDescriptions", _ready(_dataset(world, request)).labels


def _list_project_policies(world: World, request: Request) -> Items:
    arn = request.params["ProjectArn"]
    return "ProjectPolicies", _found(world.policies(request.account, request.region, arn), arn)


def _list_tags_for_resource(world: World, request: Request) -> JsonObject:
    arn = request.params["ResourceArn"]
    return {"Tags": _found(world.tags(request.account, request.region, arn), arn)}


OPERATIONS: dict[str, Operation] = {
    "DescribeProjects": _describe_projects,
    "DescribeProjectVersions": _describe_project_versions,
    "DescribeDataset": _describe_dataset,
    "ListDatasetEntries": _list_dataset_entries,
    "ListDatasetLabels": _list_dataset_labels,
    "ListProjectPolicies": _list_project_policies,
    "ListTagsForResource": _list_tags_for_resource,
}
"""The operations that the emulator adds to moto, by the API's names."""


def _dataset(world: World, request: Request) -> Dataset:
    arn = request.params["DatasetArn"]
    return _found(world.dataset(request.account, request.region, arn), arn)


def _found(value: T | None, arn: str) -> T:
    if value is None:
        message = f"The resource id or ARN specified in the request is not found: {arn}"
        raise ServiceError("ResourceNotFoundException", message)
    return value


def _ready(dataset: Dataset) -> Dataset:
    status = dataset.description.get("Status")
    if status in _BUSY:
        raise ServiceError("ResourceNotReadyException", f"The dataset is not ready: its status is {status}")
    return dataset


def entry_labels(entry: JsonObject) -> list[str]:
    """Return the labels of a dataset entry: class names, and one label for each bounding box.

    Shapes of the label attributes: Custom Labels developer guide, "Creating a manifest file".
    """
    labels: list[str] = []
    for name, metadata in entry.items():
        if not name.endswith("-metadata") or not isinstance(metadata, dict):
            continue
        if "class-name" in metadata:
            labels.append(metadata["class-name"])
        boxes = entry.get(name.removesuffix("-metadata"))
        if isinstance(boxes, dict):
            class_map = metadata.get("class-map", {})
            classes = [str(box.get("class_id")) for box in boxes.get("annotations", ())]
            labels += [class_map[known] for known in classes if known in class_map]
    return labels


def _entry_fits(entry: JsonObject, filters: JsonObject) -> bool:
    labels = entry_labels(entry)
    wanted = filters.get("ContainsLabels")
    if wanted is not None and not set(wanted) & set(labels):
        return False
    if filters.get("Labeled") is not None and bool(labels) is not filters["Labeled"]:
        return False
    if filters.get("SourceRefContains", "") not in entry.get("source-ref", ""):
        return False
    return not filters.get("HasErrors") or bool(entry.get("cl-errors") or entry.get("errors"))

"""The operations themselves: a checked request and a world in, a listing or a description out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.emulator.answers import ServiceError
from pipeline.emulator.listing import Listing
from pipeline.emulator.wire import JsonObject
from pipeline.emulator.world import Dataset, World

_NOT_FOUND = "The resource id or ARN specified in the request is not found: "
_BUSY = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})

Result = Listing | JsonObject
"""A listing to be paged, or a whole answer."""
Operation = Callable[[World, str, str, JsonObject], Result]
"""World, account, region and checked parameters to a result; raises ServiceError."""


def listing_name(operation: str, account: str, region: str, params: JsonObject) -> str:
    """Name of the listing that a request pages through: operation, scope and filters."""
    filters = {key: value for key, value in params.items() if key not in ("NextToken", "MaxResults")}
    return f"{operation}|{account}|{region}|{json.dumps(filters, sort_keys=True)}"


def _describe_projects(world: World, account: str, region: str, params: JsonObject) -> Listing:
    features = params.get("Features") or ["CUSTOM_LABELS"]
    names = params.get("ProjectNames")
    items = [
        project
        for project in world.projects(account, region)
        if project.get("Feature", "CUSTOM_LABELS") in features
        and (names is None or _segment_after(project.get("ProjectArn"), "project") in names)
    ]
    return Listing(listing_name("DescribeProjects", account, region, params), "ProjectDescriptions", items)


def _describe_project_versions(world: World, account: str, region: str, params: JsonObject) -> Listing:
    versions = _found(world.versions(account, region, params["ProjectArn"]), params["ProjectArn"])
    names = params.get("VersionNames")
    if names is not None:
        versions = [v for v in versions if _segment_after(v.get("ProjectVersionArn"), "version") in names]
    name = listing_name("DescribeProjectVersions", account, region, params)
    return Listing(name, "ProjectVersionDescriptions", versions)


def _describe_dataset(world: World, account: str, region: str, params: JsonObject) -> JsonObject:
    dataset = _found(world.dataset(account, region, params["DatasetArn"]), params["DatasetArn"])
    return {"DatasetDescription": dataset.description}


def _list_dataset_entries(world: World, account: str, region: str, params: JsonObject) -> Listing:
    entries = _ready(_found(world.dataset(account, region, params["DatasetArn"]), params["DatasetArn"])).entries
    if params.keys() & {"ContainsLabels", "Labeled", "SourceRefContains", "HasErrors"}:
        entries = [entry for entry in entries if _entry_fits(json.loads(entry), params)]
    name = listing_name("ListDatasetEntries", account, region, params)
    return Listing(name, "DatasetEntries", entries)


def _list_dataset_labels(world: World, account: str, region: str, params: JsonObject) -> Listing:
    labels = _ready(_found(world.dataset(account, region, params["DatasetArn"]), params["DatasetArn"])).labels
    name = listing_name("ListDatasetLabels", account, region, params)
    return Listing(name, "DatasetLabelDescriptions", labels)


def _list_project_policies(world: World, account: str, region: str, params: JsonObject) -> Listing:
    policies = _found(world.policies(account, region, params["ProjectArn"]), params["ProjectArn"])
    return Listing(listing_name("ListProjectPolicies", account, region, params), "ProjectPolicies", policies)


def _list_tags(world: World, account: str, region: str, params: JsonObject) -> JsonObject:
    return {"Tags": _found(world.tags(account, region, params["ResourceArn"]), params["ResourceArn"])}


OPERATIONS: dict[str, Operation] = {
    "DescribeProjects": _describe_projects,
    "DescribeProjectVersions": _describe_project_versions,
    "DescribeDataset": _describe_dataset,
    "ListDatasetEntries": _list_dataset_entries,
    "ListDatasetLabels": _list_dataset_labels,
    "ListProjectPolicies": _list_project_policies,
    "ListTagsForResource": _list_tags,
}
"""The operations the emulator answers, by the API's names."""


def entry_labels(entry: JsonObject) -> set[str]:
    """Labels of a dataset entry: class names, and the class-map values that its boxes use.

    Shapes of the label attributes: Custom Labels developer guide, "Creating a manifest file".
    """
    labels: set[str] = set()
    for name, metadata in entry.items():
        if not name.endswith("-metadata") or not isinstance(metadata, dict):
            continue
        if "class-name" in metadata:
            labels.add(metadata["class-name"])
        boxes = entry.get(name.removesuffix("-metadata"))
        class_map = metadata.get("class-map", {})
        if isinstance(boxes, dict):
            used = {str(box.get("class_id")) for box in boxes.get("annotations", ())}
            labels.update(label for key, label in class_map.items() if key in used)
    return labels


def _entry_fits(entry: JsonObject, params: JsonObject) -> bool:
    labels = entry_labels(entry)
    wanted = params.get("ContainsLabels")
    if wanted is not None and labels.isdisjoint(wanted):
        return False
    if params.get("Labeled") is not None and bool(labels) is not params["Labeled"]:
        return False
    if params.get("SourceRefContains", "") not in entry.get("source-ref", ""):
        return False
    return not params.get("HasErrors") or bool(entry.get("cl-errors") or entry.get("errors"))


def _found(value: Any, arn: str) -> Any:
    if value is None:
        raise ServiceError("ResourceNotFoundException", _NOT_FOUND + arn)
    return value


def _ready(dataset: Dataset) -> Dataset:
    status = dataset.description.get("Status")
    if status in _BUSY:
        raise ServiceError("ResourceNotReadyException", f"The dataset is not ready: its status is {status}")
    return dataset


def _segment_after(arn: str | None, word: str) -> str | None:
    segments: Sequence[str] = (arn or "").split(":")[-1].split("/")
    at = segments.index(word) + 1 if word in segments else len(segments)
    return segments[at] if at < len(segments) else None


def project_name(params: JsonObject) -> str | None:
    """Name of the project that a request's ARN is about."""
    arn = params.get("ProjectArn") or params.get("DatasetArn") or params.get("ResourceArn")
    return _segment_after(arn, "project") if isinstance(arn, str) else None

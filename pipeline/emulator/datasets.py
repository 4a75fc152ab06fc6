"""Datasets of generated projects: entries, and statistics and labels counted from the same entries."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.operations import entry_labels
from pipeline.emulator.random_stream import RandomStream
from pipeline.emulator.version_description import console_bucket
from pipeline.emulator.world import Dataset

if TYPE_CHECKING:
    from pipeline.emulator.generated_world import ProjectPlan

_STATUSES = (
    (("CREATE_COMPLETE", "SUCCESS", "The dataset was successfully created from the manifest file."), 60),
    (("UPDATE_COMPLETE", "SUCCESS", "The dataset was successfully updated."), 30),
    (("UPDATE_FAILED", "CLIENT_ERROR", "The manifest file contains images from multiple S3 buckets."), 5),
    (("UPDATE_IN_PROGRESS", "SUCCESS", "The dataset is being updated."), 3),
    (("CREATE_FAILED", "SERVICE_ERROR", "Amazon Rekognition experienced a service issue."), 2),
)
_SMALLEST = {"TRAIN": 48, "TEST": 12}
_HOUR = 3_600_000


def dataset_summaries(seed: int, plan: ProjectPlan) -> list[JsonObject]:
    """Return the DatasetMetadata of a project, as DescribeProjects lists it."""
    if plan.trained_from != "datasets" or plan.versions == 0 or plan.feature != "CUSTOM_LABELS":
        return []
    return [_summary(seed, plan, kind) for kind in ("TRAIN", "TEST")]


def _summary(seed: int, plan: ProjectPlan, kind: str) -> JsonObject:
    values = RandomStream(seed, plan.arn, kind, "dataset")
    created_ms = plan.created_ms + _HOUR // 60 + values.below(_HOUR)
    status, code, message = values.weighted(_STATUSES)
    return {
        "CreationTimestamp": epoch_seconds(created_ms),
        "DatasetType": kind,
        "DatasetArn": f"{plan.arn_base}/dataset/{kind.lower()}/{created_ms}",
        "Status": status,
        "StatusMessage": message,
        "StatusMessageCode": code,
    }


def dataset_of(seed: int, plan: ProjectPlan, summary: JsonObject) -> Dataset:
    """Return the dataset that one of the summaries is about."""
    values = RandomStream(seed, plan.arn, summary["DatasetType"], "size")
    smallest = _SMALLEST[summary["DatasetType"]]
    total = 0 if summary["Status"] == "CREATE_FAILED" else smallest + values.below(4 * smallest)
    entries = [_entry(seed, plan, summary, number) for number in range(total)]
    labels = [entry_labels(entry) for entry in entries]
    images = Counter(label for found in labels for label in set(found))
    boxes = Counter(label for found in labels for label in found)
    description = {key: value for key, value in summary.items() if key not in ("DatasetArn", "DatasetType")} | {
        "LastUpdatedTimestamp": epoch_seconds(round(summary["CreationTimestamp"] * 1000) + values.below(24 * _HOUR)),
        "DatasetStats": {
            "LabeledEntries": sum(bool(found) for found in labels),
            "TotalEntries": total,
            "TotalLabels": len(images),
            "ErrorEntries": sum("cl-errors" in entry for entry in entries),
        },
    }
    label_descriptions: list[JsonObject] = []
    for label in sorted(images):
        stats = {"EntryCount": images[label]}
        if plan.subject.detection:
            stats["BoundingBoxCount"] = boxes[label]
        label_descriptions.append({"LabelName": label, "LabelStats": stats})
    lines = [json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries]
    return Dataset(description, lines, label_descriptions)


def _entry(seed: int, plan: ProjectPlan, summary: JsonObject, number: int) -> JsonObject:
    """Return one entry: an image, and what is known about it."""
    kind = summary["DatasetType"]
    values = RandomStream(seed, plan.arn, kind, number)
    made = datetime.fromtimestamp(summary["CreationTimestamp"] // 1 - number, UTC)
    common = {"human-annotated": "yes", "creation-date": f"{made:%Y-%m-%dT%H:%M:%S}.000Z"}
    name = f"assets/{plan.subject.name}_{kind.lower()}/IMG_{number:05}.jpg"
    entry: JsonObject = {"source-ref": f"s3://{console_bucket(seed, plan)}/{name}"}
    is_labeled = values.chance(0.92)
    if is_labeled and plan.subject.detection:
        entry |= _boxes(plan.subject.labels, common, values)
    elif is_labeled:
        label = values.pick(plan.subject.labels)
        entry[label] = 1
        entry[f"{label}-metadata"] = {
            "confidence": 1,
            "job-name": f"labeling-job/{label}",
            "class-name": label,
            **common,
            "type": "groundtruth/image-classification",
        }
    entry["cl-metadata"] = {"is_labeled": is_labeled}
    if values.chance(0.02):
        message = "The image dimensions are not supported."
        entry["cl-errors"] = [{"code": "ERROR_INVALID_IMAGE_DIMENSION", "message": message}]
    return entry


def _boxes(labels: tuple[str, ...], common: JsonObject, values: RandomStream) -> JsonObject:
    """Return the members that describe one to four bounding boxes."""
    width, height = values.pick(((1280, 960), (1920, 1080), (4000, 2667)))
    boxes = []
    for _ in range(1 + values.below(4)):
        box_width, box_height = 20 + values.below(width // 4), 20 + values.below(height // 4)
        boxes.append(
            {
                "class_id": values.below(len(labels)),
                "left": values.below(width - box_width),
                "top": values.below(height - box_height),
                "width": box_width,
                "height": box_height,
            }
        )
    used = sorted({box["class_id"] for box in boxes})
    return {
        "bounding-box": {"image_size": [{"width": width, "height": height, "depth": 3}], "annotations": boxes},
        "bounding-box-metadata": {
            "objects": [{"confidence": 1} for _ in boxes],
            "class-map": {str(number): labels[number] for number in used},
            "type": "groundtruth/object-detection",
            **common,
            "job-name": "labeling-job/bounding-box",
        },
    }

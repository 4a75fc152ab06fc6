"""Datasets of seeded projects: entries, and statistics and label counts that add up from the same entries."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pipeline.emulator.history import DAY, HOUR, History, ProjectPlan
from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.versions import console_bucket
from pipeline.emulator.world import Dataset, LazySequence

if TYPE_CHECKING:
    from pipeline.emulator.random_stream import RandomStream

Kind = Literal["TRAIN", "TEST"]
_KINDS: tuple[Kind, ...] = ("TRAIN", "TEST")

_STATUSES = (
    (("CREATE_COMPLETE", "SUCCESS", "The dataset was successfully created from the manifest file."), 60),
    (("UPDATE_COMPLETE", "SUCCESS", "The dataset was successfully updated."), 30),
    (
        (
            "UPDATE_FAILED",
            "CLIENT_ERROR",
            "The manifest file contains images from multiple S3 buckets.",
        ),
        5,
    ),
    (("UPDATE_IN_PROGRESS", "SUCCESS", "The dataset is being updated."), 3),
    (("CREATE_FAILED", "SERVICE_ERROR", "Amazon Rekognition experienced a service issue."), 2),
)
_LABELED_SHARE = 0.92
_ERROR_SHARE = 0.02
_SMALLEST = {"TRAIN": 48, "TEST": 12}


@dataclass(frozen=True)
class _Image:
    """What is known of one entry before it is written."""

    labels: tuple[str, ...]
    """One a box for detection; else one or two for the image."""
    has_error: bool
    dice: RandomStream


class DatasetWriter:
    """Writes the datasets of a world's projects."""

    def __init__(self, history: History) -> None:
        self._history = history

    def summaries(self, plan: ProjectPlan) -> list[JsonObject]:
        """DatasetMetadata of a project, as DescribeProjects lists it."""
        if plan.trained_from != "datasets" or plan.versions == 0 or plan.feature != "CUSTOM_LABELS":
            return []
        return [self._summary(plan, kind) for kind in _KINDS]

    def dataset(self, plan: ProjectPlan, dataset_arn: str) -> Dataset | None:
        """Return the dataset with this ARN, if it is of the project."""
        for kind, summary in zip(_KINDS, self.summaries(plan), strict=False):
            if summary["DatasetArn"] == dataset_arn:
                return self._dataset(plan, kind, summary)
        return None

    def _summary(self, plan: ProjectPlan, kind: Kind) -> JsonObject:
        dice = self._history.dice(plan, kind, "dataset")
        created_ms = plan.created_ms + HOUR // 60 + dice.below(HOUR)
        status, code, message = dice.weighted(_STATUSES)
        project = plan.arn.rpartition("/")[0]
        return {
            "CreationTimestamp": epoch_seconds(created_ms),
            "DatasetType": kind,
            "DatasetArn": f"{project}/dataset/{kind.lower()}/{created_ms}",
            "Status": status,
            "StatusMessage": message,
            "StatusMessageCode": code,
        }

    def _dataset(self, plan: ProjectPlan, kind: Kind, summary: JsonObject) -> Dataset:
        dice = self._history.dice(plan, kind, "size")
        created_ms = round(summary["CreationTimestamp"] * 1000)
        total = 0 if summary["Status"] == "CREATE_FAILED" else _SMALLEST[kind] + dice.below(4 * _SMALLEST[kind])
        images = [self._image(plan, kind, number) for number in range(total)]
        entry_counts = Counter(label for image in images for label in set(image.labels))
        box_counts = Counter(label for image in images for label in image.labels)
        labels: list[JsonObject] = []
        for label in sorted(entry_counts):
            stats = {"EntryCount": entry_counts[label]}
            if plan.family.detection:
                stats["BoundingBoxCount"] = box_counts[label]
            labels.append({"LabelName": label, "LabelStats": stats})
        updated_ms = min(created_ms + dice.below(30 * DAY), self._history.now_ms)
        description: JsonObject = {
            "CreationTimestamp": summary["CreationTimestamp"],
            "LastUpdatedTimestamp": epoch_seconds(updated_ms),
            "Status": summary["Status"],
            "StatusMessage": summary["StatusMessage"],
            "StatusMessageCode": summary["StatusMessageCode"],
            "DatasetStats": {
                "LabeledEntries": sum(bool(image.labels) for image in images),
                "TotalEntries": total,
                "TotalLabels": len(labels),
                "ErrorEntries": sum(image.has_error for image in images),
            },
        }
        return Dataset(description, LazySequence(total, lambda i: self._entry(plan, kind, i, created_ms)), labels)

    def _image(self, plan: ProjectPlan, kind: Kind, number: int) -> _Image:
        dice = self._history.dice(plan, kind, number)
        has_error = dice.chance(_ERROR_SHARE)
        if not dice.chance(_LABELED_SHARE):
            return _Image((), has_error, dice)
        known = plan.family.labels
        if plan.family.detection:
            return _Image(tuple(dice.pick(known) for _ in range(1 + dice.below(4))), has_error, dice)
        first = dice.below(len(known))
        second = (known[(first + 1) % len(known)],) if dice.below(5) == 0 else ()
        return _Image((known[first], *second), has_error, dice)

    def _entry(self, plan: ProjectPlan, kind: Kind, number: int, created_ms: int) -> str:
        image = self._image(plan, kind, number)
        bucket = console_bucket(self._history.seed, plan.account, plan.region)
        line: JsonObject = {"source-ref": f"s3://{bucket}/assets/{plan.family.name}_{kind.lower()}/IMG_{number:05}.jpg"}
        made = datetime.fromtimestamp(created_ms // 1000 - number, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        common = {"human-annotated": "yes", "creation-date": made}
        if plan.family.detection:
            if image.labels:
                _add_boxes(line, image, plan.family.labels, common)
        else:
            for label in image.labels:
                line[label] = 1
                line[f"{label}-metadata"] = {
                    "confidence": 1,
                    "job-name": f"labeling-job/{label}",
                    "class-name": label,
                    **common,
                    "type": "groundtruth/image-classification",
                }
        line["cl-metadata"] = {"is_labeled": bool(image.labels)}
        if image.has_error:
            line["cl-errors"] = [
                {
                    "code": "ERROR_INVALID_IMAGE_DIMENSION",
                    "message": "The image dimensions are not supported.",
                }
            ]
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _add_boxes(line: JsonObject, image: _Image, known: tuple[str, ...], common: dict[str, str]) -> None:
    width, height = image.dice.pick(((1280, 960), (1920, 1080), (4000, 2667)))
    boxes = []
    for label in image.labels:
        wide, high = 20 + image.dice.below(width // 4), 20 + image.dice.below(height // 4)
        boxes.append(
            {
                "class_id": known.index(label),
                "left": image.dice.below(width - wide),
                "top": image.dice.below(height - high),
                "width": wide,
                "height": high,
            }
        )
    line["bounding-box"] = {
        "image_size": [{"width": width, "height": height, "depth": 3}],
        "annotations": boxes,
    }
    line["bounding-box-metadata"] = {
        "objects": [{"confidence": 1} for _ in boxes],
        "class-map": {str(known.index(label)): label for label in sorted(set(image.labels))},
        "type": "groundtruth/object-detection",
        **common,
        "job-name": "labeling-job/bounding-box",
    }

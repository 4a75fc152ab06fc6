"""The world that the benches list: believable answers of Rekognition, seeded and the same in every process."""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REGION, ACCOUNT = "us-east-1", "111122223333"
PAGE = 100
"""The most descriptions that a page holds."""
PROJECT = "line-00000"
"""The project that prepared pages name; each project's own name, of the same length, replaces it."""
TEMPLATES = 100
"""Pages that are prepared at the least; larger worlds show them again, in projects of other names."""
SYNCS = 10
"""Syncs over which versions change: half of them once, about the same number in each."""


class World:
    """So many projects with `each` versions, the same in every region, as they are at the sync `sync_number`.

    Projects have datasets only if asked for: a sync describes each of them in a call of its own.
    """

    def __init__(self, projects: int, each: int, *, datasets: bool = False, sync_number: int = SYNCS) -> None:
        if each > PAGE and each % PAGE:
            raise ValueError(f"{each} versions a project: more than {PAGE} must be a multiple of it")
        self.projects, self._datasets = projects, datasets
        self._pages = -(-each // PAGE)
        self._size = min(each, PAGE)
        self._count = max(self._pages, min(TEMPLATES, projects * self._pages))
        self.change(sync_number)

    def change(self, sync_number: int) -> None:
        """Show the versions as they are at that sync, counted from 0."""
        rng = random.Random(7)  # noqa: S311  # repeatable worlds, not secrets
        self._templates: list[bytes] = []
        for page in range(self._count):
            numbers = range(page * self._size, (page + 1) * self._size)
            listed = [version(rng, number, sync_number) for number in numbers]
            listed.sort(key=lambda described: -described["CreationTimestamp"])
            self._templates.append(json.dumps({"ProjectVersionDescriptions": listed})[:-1].encode())

    def project_page(self, region: str, token: str | None) -> bytes:
        """Return a page of DescribeProjects."""
        start = _place(token) * PAGE
        numbers = range(start, min(start + PAGE, self.projects))
        listed = [self._project(number, region) for number in numbers]
        body = json.dumps({"ProjectDescriptions": listed})[:-1].encode()
        return body + _end(start // PAGE + 1, is_last=start + PAGE >= self.projects)

    def version_page(self, region: str, project_arn: str, token: str | None) -> bytes | None:
        """Return a page of DescribeProjectVersions; None for a project that does not exist."""
        name = project_arn.split("/")[1]
        number = int(name.rpartition("-")[2])
        if number >= self.projects or project_arn != _project_arn(number, region):
            return None
        page = _place(token)
        body = self._templates[(number * self._pages + page) % len(self._templates)]
        body = body.replace(PROJECT.encode(), name.encode()).replace(REGION.encode(), region.encode())
        return body + _end(page + 1, is_last=page + 1 == self._pages)

    def version_pages(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield every page of versions in one region: project ARN, page number and body."""
        for number in range(self.projects):
            arn = _project_arn(number, REGION)
            for page in range(self._pages):
                body = self.version_page(REGION, arn, _token(page))
                assert body
                yield arn, page + 1, body

    def _project(self, number: int, region: str) -> dict[str, Any]:
        arn = _project_arn(number, region)
        described = {"ProjectArn": arn, "CreationTimestamp": 1_600_000_000.125 + number, "Status": "CREATED"}
        if self._datasets:
            dataset = {"DatasetArn": arn.replace("/1600", "/dataset/train/1600"), "DatasetType": "TRAIN"}
            described["Datasets"] = [dataset | {"CreationTimestamp": 1_600_000_001.5, "Status": "CREATE_COMPLETE"}]
        return described


def dataset_page() -> bytes:
    """Return an answer of DescribeDataset; it does not name its dataset."""
    counts = {"LabeledEntries": 480, "TotalEntries": 500, "TotalLabels": 12, "ErrorEntries": 3}
    described = {"CreationTimestamp": 1_600_000_001.5, "LastUpdatedTimestamp": 1_600_100_000.0, "DatasetStats": counts}
    return json.dumps({"DatasetDescription": described | {"Status": "UPDATE_COMPLETE"}}).encode()


def version(rng: random.Random, number: int, sync_number: int) -> dict[str, Any]:
    """Return one version's description, in wire form.

    Of a hundred one runs, twenty are stopped, three failed and two are copies. Of twenty versions ten change, each at
    a sync of its own: its training ends, or it is started or stopped, and its training manifest is replaced.
    """
    created = 1_600_000_000 + rng.randrange(150_000_000_000) / 1000
    seconds = rng.randrange(900, 90_000)
    has_changed = sync_number >= number % 20 or number % 20 >= SYNCS
    status = _status(rng.randrange(100), has_changed=has_changed)
    name = f"{PROJECT}.2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T{number:06}"
    bucket = f"custom-labels-console-{REGION}-{rng.randrange(16**10):010x}"
    prefix = f"evaluation/{PROJECT}/{name}"
    f1_score, key = rng.random(), rng.randrange(16**12)
    base = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/{PROJECT}"

    def object_(kind: str) -> dict[str, Any]:
        return {"S3Object": {"Bucket": bucket, "Name": f"{prefix}/{kind}-{PROJECT}-{name}.json"}}

    def assets(kind: str) -> dict[str, Any]:
        return {"Assets": [{"GroundTruthManifest": object_(kind)}]}

    def given(kind: str) -> dict[str, Any]:
        """Three versions in a row share the manifests they were given."""
        manifest = {"Bucket": f"datasets-{REGION}", "Name": f"{PROJECT}/{kind}-{number // 3:06}.manifest"}
        manifest["Version"] = "second" if has_changed and kind == "training" else "first"
        return {"Assets": [{"GroundTruthManifest": {"S3Object": manifest}}]}

    described: dict[str, Any] = {
        "ProjectVersionArn": f"{base}/version/{name}/{int(created * 1000)}",
        "CreationTimestamp": created,
        "Status": status,
        "StatusMessage": MESSAGES.get(status, "The model is ready to run."),
        "OutputConfig": {"S3Bucket": bucket, "S3KeyPrefix": prefix},
        "VersionDescription": "Retrained with the images of the last quarter.",
    }
    if status == "COPYING_COMPLETED":
        source = described["ProjectVersionArn"].replace("/version/", "-source/version/")
        return described | {"SourceProjectVersionArn": source, "EvaluationResult": {"F1Score": f1_score}}
    described["TrainingDataResult"] = {"Input": given("training")}
    described["TestingDataResult"] = {"Input": given("testing") | {"AutoCreate": False}}
    if status == "TRAINING_IN_PROGRESS":
        return described
    described["TrainingDataResult"] |= {
        "Output": assets("TrainingGroundTruth"),
        "Validation": assets("TrainingManifestWithValidation"),
    }
    described["TestingDataResult"] |= {
        "Output": assets("TestingGroundTruth") | {"AutoCreate": False},
        "Validation": assets("TestingManifestWithValidation"),
    }
    described |= {
        "BillableTrainingTimeInSeconds": seconds,
        "TrainingEndTimestamp": round(created + seconds * 1.21, 3),
        "ManifestSummary": object_("ManifestSummary"),
        "KmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key:012x}",
    }
    if status != "TRAINING_FAILED":
        described["EvaluationResult"] = {"F1Score": f1_score, "Summary": object_("EvaluationResultSummary")}
    if status in {"RUNNING", "STOPPED"}:
        described["MinInferenceUnits"] = 1 + number % 4
    return described


MESSAGES = {
    "TRAINING_IN_PROGRESS": "The model is being trained.",
    "TRAINING_FAILED": "ERROR_TOO_FEW_LABELS: The manifest file has too few usable labels.",
    "RUNNING": "The model is running.",
}


def _status(percent: int, *, has_changed: bool) -> str:
    if percent < 1:
        return "RUNNING" if has_changed else "STOPPED"
    if percent < 21:
        return "STOPPED" if has_changed else "RUNNING"
    if percent < 23:
        return "COPYING_COMPLETED"
    if not has_changed:
        return "TRAINING_IN_PROGRESS"
    return "TRAINING_FAILED" if percent < 26 else "TRAINING_COMPLETED"


def _project_arn(number: int, region: str) -> str:
    return f"arn:aws:rekognition:{region}:{ACCOUNT}:project/line-{number:05}/{1_600_000_000_125 + number * 1000}"


def _end(next_page: int, *, is_last: bool) -> bytes:
    return b"}" if is_last else f', "NextToken": "{_token(next_page)}"}}'.encode()


def _token(page: int) -> str:
    """Return a token of 200 characters that, as at AWS, is never the same twice."""
    return base64.b64encode(page.to_bytes(3, "big") + os.urandom(147)).decode()


def _place(token: str | None) -> int:
    return int.from_bytes(base64.b64decode(token[:4]), "big") if token else 0


def write(path: Path, world: World) -> None:
    """Write the pages of versions to a file, for those who read bodies without HTTP."""
    with path.open("wb") as out:
        for arn, number, body in world.version_pages():
            out.write(json.dumps([arn, number, len(body)]).encode() + b"\n" + body)


def read(path: str | Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield the pages in a file: project ARN, page number and body."""
    with Path(path).open("rb") as written:
        while head := written.readline():
            arn, number, size = json.loads(head)
            yield arn, number, written.read(size)

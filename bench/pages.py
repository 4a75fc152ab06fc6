"""Page bodies for benchmarks: believable DescribeProjectVersions answers of about 280 kB, seeded."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGION, ACCOUNT = "us-east-1", "111122223333"


def _manifest(bucket: str, key: str) -> dict[str, Any]:
    return {"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": key}}}


def version(rng: random.Random, project: str, number: int) -> dict[str, Any]:
    """Return one trained version's description, in wire form."""
    created = 1_600_000_000 + rng.randrange(150_000_000_000) / 1000
    name = f"{project}.2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T{number:06}"
    bucket = f"custom-labels-console-{REGION}-{rng.randrange(16**10):010x}"
    prefix = f"evaluation/{project}/{name}"
    seconds = rng.randrange(900, 90_000)

    def kept(stage: str) -> dict[str, Any]:
        return {"Assets": [_manifest(bucket, f"{prefix}/{stage}-{project}-{name}.json")]}

    base = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/{project}"
    return {
        "ProjectVersionArn": f"{base}/version/{name}/{int(created * 1000)}",
        "CreationTimestamp": created,
        "MinInferenceUnits": rng.randrange(1, 5),
        "Status": rng.choice(["TRAINING_COMPLETED", "STOPPED", "RUNNING"]),
        "StatusMessage": "The model is ready to run.",
        "BillableTrainingTimeInSeconds": seconds,
        "TrainingEndTimestamp": round(created + seconds * 1.21, 3),
        "OutputConfig": {"S3Bucket": bucket, "S3KeyPrefix": prefix},
        "TrainingDataResult": {
            "Input": kept("TrainingInput"),
            "Output": kept("TrainingGroundTruth"),
            "Validation": kept("TrainingManifestWithValidation"),
        },
        "TestingDataResult": {
            "Input": {**kept("TestingInput"), "AutoCreate": False},
            "Output": {**kept("TestingGroundTruth"), "AutoCreate": False},
            "Validation": kept("TestingManifestWithValidation"),
        },
        "EvaluationResult": {
            "F1Score": rng.random(),
            "Summary": {
                "S3Object": {
                    "Bucket": bucket,
                    "Name": f"{prefix}/EvaluationResultSummary-{project}-{name}.json",
                }
            },
        },
        "ManifestSummary": {"S3Object": {"Bucket": bucket, "Name": f"{prefix}/ManifestSummary-{project}-{name}.json"}},
        "KmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{rng.randrange(16**12):012x}",
        "VersionDescription": "Retrained with the images of the last quarter.",
    }


def _news(rng: random.Random, described: dict[str, Any]) -> None:
    described["EvaluationResult"]["Recall"] = rng.random()


def _shapes(rng: random.Random, described: dict[str, Any]) -> None:
    for name in ("KmsKeyId", "VersionDescription"):
        if rng.random() < 1 / 2:
            del described[name]
    for result in ("TrainingDataResult", "TestingDataResult"):
        described[result]["Input"]["Assets"] *= rng.randrange(1, 5)


def _escapes(rng: random.Random, described: dict[str, Any]) -> None:
    described["VersionDescription"] = f'Line "{rng.randrange(9)}",\nretrained.'


@dataclass(frozen=True)
class Kind:
    """What a world is like: how large its projects are, and what `edit` does to each description."""

    about: str
    per_project: int = 1000
    edit: Callable[[random.Random, dict[str, Any]], None] = lambda *_: None


KINDS = {
    "alike": Kind("all versions have the same members"),
    "small": Kind("projects of 100 versions", per_project=100),
    "large": Kind("projects of 10,000 versions", per_project=10_000),
    "news": Kind("each version has a member that nobody declared", edit=_news),
    "shapes": Kind("lists of one to four manifests, and members that are there or not", edit=_shapes),
    "escapes": Kind("each version has a text with escapes", edit=_escapes),
}


def bodies(versions: int, kind: Kind = KINDS["alike"], *, page_size: int = 100) -> Iterator[tuple[str, int, bytes]]:
    """Yield (project ARN, page number, body) until so many versions are out."""
    rng = random.Random(7)  # noqa: S311  # repeatable worlds, not secrets
    edits = random.Random(8)  # noqa: S311
    done = 0
    while done < versions:
        number = done // kind.per_project
        project = f"defects-line-{number:05}-{rng.choice(['cam', 'belt', 'xray', 'pack'])}"
        arn = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/{project}/{1_600_000_000_000 + done}"
        count = min(kind.per_project, versions - done)
        listed = sorted((version(rng, project, n) for n in range(count)), key=lambda v: -float(v["CreationTimestamp"]))
        for described in listed:
            kind.edit(edits, described)
        for page, start in enumerate(range(0, count, page_size), 1):
            answer = {"ProjectVersionDescriptions": listed[start : start + page_size], "NextToken": "x" * 200}
            yield arn, page, json.dumps(answer).encode()
        done += count


def _file(versions: int, kind: str) -> Path:
    return Path(tempfile.gettempdir()) / f"reklake-bench-{versions}-{kind}.pages"


def prepare(versions: int, kind: str = "alike") -> Path:
    """Write the bodies to a file once, so that every process reads the same ones; return it."""
    if (there := _file(versions, kind)).exists():
        return there
    beside = there.with_suffix(".making")
    with beside.open("wb") as out:
        for arn, number, body in bodies(versions, KINDS[kind]):
            out.write(json.dumps([arn, number, len(body)]).encode() + b"\n" + body)
    return beside.rename(there)


def read(path: str | Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield the prepared bodies one by one, so that their bytes do not count as the reader's memory."""
    with Path(path).open("rb") as prepared:
        while head := prepared.readline():
            arn, number, size = json.loads(head)
            yield arn, number, prepared.read(size)

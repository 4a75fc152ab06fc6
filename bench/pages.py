"""Page bodies for benchmarks: believable DescribeProjectVersions answers of about 280 kB, seeded."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

REGION, ACCOUNT = "us-east-1", "111122223333"


def _manifest(bucket: str, key: str) -> dict[str, object]:
    return {"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": key}}}


def version(rng: random.Random, project: str, number: int) -> dict[str, object]:
    """Return one trained version's description, in wire form."""
    created = 1_600_000_000 + rng.randrange(150_000_000_000) / 1000
    name = f"{project}.2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T{number:06}"
    bucket = f"custom-labels-console-{REGION}-{rng.randrange(16**10):010x}"
    prefix = f"evaluation/{project}/{name}"
    seconds = rng.randrange(900, 90_000)

    def kept(stage: str) -> dict[str, object]:
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


def bodies(versions: int, *, per_project: int = 1000, page_size: int = 100) -> Iterator[tuple[str, int, bytes]]:
    """Yield (project ARN, page number, body) until so many versions are out."""
    rng = random.Random(7)  # noqa: S311  # repeatable worlds, not secrets
    done = 0
    while done < versions:
        project = f"defects-line-{done // per_project:05}-{rng.choice(['cam', 'belt', 'xray', 'pack'])}"
        arn = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/{project}/{1_600_000_000_000 + done}"
        count = min(per_project, versions - done)
        listed = sorted(
            (version(rng, project, n) for n in range(count)),
            key=lambda v: -float(v["CreationTimestamp"]),  # type: ignore[arg-type]
        )
        for page, start in enumerate(range(0, count, page_size), 1):
            answer = {"ProjectVersionDescriptions": listed[start : start + page_size], "NextToken": "x" * 200}
            yield arn, page, json.dumps(answer).encode()
        done += count


def _file(versions: int) -> Path:
    return Path(tempfile.gettempdir()) / f"reklake-bench-{versions}.pages"


def prepare(versions: int) -> Path:
    """Write the bodies to a file once, so that every process reads the same ones; return it."""
    if _file(versions).exists():
        return _file(versions)
    beside = _file(versions).with_suffix(".making")
    with beside.open("wb") as out:
        for arn, number, body in bodies(versions):
            out.write(json.dumps([arn, number, len(body)]).encode() + b"\n" + body)
    return beside.rename(_file(versions))


def read(path: str | Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield the prepared bodies one by one, so that their bytes do not count as the reader's memory."""
    with Path(path).open("rb") as prepared:
        while head := prepared.readline():
            arn, number, size = json.loads(head)
            yield arn, number, prepared.read(size)

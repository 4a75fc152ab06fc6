"""Worlds written by hand, and what the lake must hold of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.emulator import StaticWorld
from pipeline.lake import LocalLake, snapshot

ACCOUNT, REGION = "111122223333", "us-east-1"
OTHER = "444455556666"


def project(name: str, account: str = ACCOUNT, region: str = REGION, **members: Any) -> dict[str, Any]:
    return {
        "ProjectArn": f"arn:aws:rekognition:{region}:{account}:project/{name}/1690405809285",
        "CreationTimestamp": 1690405809.285,
        "Status": "CREATED",
        **members,
    }


def version(of: dict[str, Any], name: str, **members: Any) -> dict[str, Any]:
    base = of["ProjectArn"].rsplit("/", 1)[0]
    return {
        "ProjectVersionArn": f"{base}/version/{name}/1690556751958",
        "CreationTimestamp": 1.690556751958e9,
        "Status": "TRAINING_COMPLETED",
        **members,
    }


def world(**versions: int) -> StaticWorld:
    """Projects of these names with so many versions each, in one account and region."""
    listed = []
    for name, count in versions.items():
        one = project(name)
        listed.append((one, [version(one, f"v{number:04}") for number in range(count)]))
    return StaticWorld({(ACCOUNT, REGION): listed})


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(snapshot.current(LocalLake(lake)).file(table)).to_pylist()
    return found


def version_names(lake: Path) -> dict[str, list[str]]:
    """Names of the versions in the lake, by project."""
    found: dict[str, list[str]] = {one["project_name"]: [] for one in rows(lake, "projects")}
    for one in rows(lake, "project_versions"):
        found.setdefault(one["project_name"], []).append(one["version_name"])
    return found


def names(count: int) -> list[str]:
    return [f"v{number:04}" for number in range(count)]


def two_by_two() -> StaticWorld:
    """Two accounts, two regions, and everything that is legal but unpleasant."""
    listed = {}
    for account in (ACCOUNT, OTHER):
        for region in ("us-east-1", "eu-west-1"):
            long = project("n" * 255, account, region)
            odd = project("odd", account, region, Novelty={"Level": 3})
            many = project("many", account, region)
            none = project("none", account, region)
            described = version(
                odd,
                "x.y-z_1",
                StatusMessage='größer\nals\t\u2028 "zuvor" \\ 🙂\u0000',
                BillableTrainingTimeInSeconds=2**63 - 1,
                EvaluationResult={"F1Score": 0.9727, "Recall": 1},
                TrainingDataResult={
                    "Input": {},
                    "Output": {"Assets": [{"GroundTruthManifest": {"S3Object": {"Bucket": "b", "ETag": "e"}}}, {}]},
                },
            )
            listed[account, region] = [
                (long, [version(long, "v" * 255)]),
                (odd, [described]),
                (many, [version(many, name) for name in names(250)]),
                (none, []),
            ]
    return StaticWorld(listed)

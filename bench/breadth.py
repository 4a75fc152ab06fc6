"""Many scopes in one run: calls a second, CPU a page, memory and threads of `reklake sync`; run by `make bench`.

The endpoint runs in a process of its own, which shares the machine: it takes about as much CPU as the sync.

Two cores, shared with the endpoint: 200 scopes of 21 calls (20 versions each) are listed at 360 calls a second, which
is 72 scopes at AWS's default quota; 2.3 ms of CPU a call (1.8 ms on one thread, nearly all of it boto3's: signing,
HTTP, events), no throttle. 1,000 scopes of 6 calls take 31 to 34 s from start to end, two thirds of it flattening them
one by one; peak memory is 340 to 370 MB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", "us-east-2",
)  # fmt: skip


class Repeated:
    """The same projects and versions in every scope."""

    def __init__(self, projects: int, versions: int) -> None:
        self._projects = projects
        self._versions = versions

    def projects(self, account: str, region: str) -> Sequence[dict[str, Any]]:
        base = f"arn:aws:rekognition:{region}:{account}:project"
        created = 1690405809.285
        return [
            {"ProjectArn": f"{base}/p{number:03}/1690405809285", "CreationTimestamp": created, "Status": "CREATED"}
            for number in range(self._projects)
        ]

    def versions(self, account: str, region: str, project_arn: str) -> Sequence[dict[str, Any]]:
        del account, region
        base = project_arn.rpartition("/")[0]
        made = []
        for number in range(self._versions):
            bucket, prefix = "custom-labels-console-0123456789", f"evaluation/p/v{number:04}"
            asset = {"Assets": [{"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": f"{prefix}/x.json"}}}]}
            stages = dict.fromkeys(("Input", "Output", "Validation"), asset)
            made.append(
                {
                    "ProjectVersionArn": f"{base}/version/v{number:04}/1690556751958",
                    "CreationTimestamp": 1690556751.958,
                    "Status": "TRAINING_COMPLETED",
                    "OutputConfig": {"S3Bucket": bucket, "S3KeyPrefix": prefix},
                    "TrainingDataResult": stages,
                    "TestingDataResult": stages,
                    "EvaluationResult": {"F1Score": 0.9},
                }
            )
        return made

    def dataset(self, *_: str) -> None:
        return None

    def policies(self, *_: str) -> Sequence[dict[str, Any]]:
        return ()

    def tags(self, *_: str) -> dict[str, str]:
        return {}


def serve(address: Any, given: argparse.Namespace) -> None:
    """Serve until the other end closes; tell the address first, and the throttles last."""
    from pipeline.emulator import Emulator

    world = Repeated(given.projects, given.versions)
    quota = given.quota or None
    with Emulator(world, tps=quota, latency=given.latency) as endpoint:  # type: ignore[arg-type]
        address.send(endpoint.environment())
        address.recv()
        address.send(
            [sum(call.status == 200 for call in endpoint.calls), sum(call.status != 200 for call in endpoint.calls)]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--regions", type=int, default=10)
    parser.add_argument("--projects", type=int, default=5)
    parser.add_argument("--versions", type=int, default=20)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--quota", type=float, default=5.0, help="0: none")
    parser.add_argument("--rate", type=float, default=None)
    parser.add_argument("--keep", help="keep the lake here")
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, given), daemon=True)
    server.start()
    environment = ours.recv()
    accounts = [f"{100000000000 + number}" for number in range(given.accounts)]
    with tempfile.TemporaryDirectory() as scratch:
        lake = given.keep or scratch
        command = [Path(sys.executable).with_name("reklake"), "sync", "--lake", lake, "--quiet", "--role", "Reader"]
        for region in REGIONS[: given.regions]:
            command += ["--region", region]
        for account in accounts:
            command += ["--account", account]
        command += ["--rate", str(given.rate or given.quota or 10_000)]
        started = time.monotonic()
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
        took = time.monotonic() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(done.stdout[-400:], done.stderr[-2000:], done.returncode)
        record = json.loads(next(Path(lake, "runs").iterdir()).read_text())
    ours.send("enough")
    answered, refused = ours.recv()
    cpu = used.ru_utime + used.ru_stime
    calls = sum(scope["calls"] for scope in record["scopes"])
    busiest = max(max(scope["calls_by_operation"].values()) for scope in record["scopes"])
    print(f"{len(record['scopes'])} scopes, {calls} calls ({answered} answered, {refused} refused), {took:.1f} s")
    listing = max(scope["seconds"] for scope in record["scopes"])
    print(f"{calls / listing:.0f} calls a second over {listing:.1f} s of listing")
    print(f"CPU {cpu:.1f} s, {1000 * cpu / calls:.2f} ms a call; peak memory {used.ru_maxrss / 1024:.0f} MB")
    if given.quota:
        print(f"quota's own shortest time {(busiest - given.quota) / given.quota:.1f} s")
    print({name: round(value, 1) for name, value in record["seconds"].items()})


if __name__ == "__main__":
    main()

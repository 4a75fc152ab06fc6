"""How close 500 calls come to what a quota allows, and how many of them are throttled: run by `make bench`."""

from __future__ import annotations

import argparse
import os
import tempfile
import time

from pipeline import settings
from pipeline.emulator import Emulator, StaticWorld
from pipeline.jobs import sync as run

ACCOUNT, REGION = "111122223333", "us-east-1"


def world(projects: int) -> StaticWorld:
    """Return so many projects without versions: one DescribeProjectVersions call each."""
    listed = [
        (
            {
                "ProjectArn": f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/p{number:04}/1690405809285",
                "CreationTimestamp": 1690405809.285,
                "Status": "CREATED",
            },
            [],
        )
        for number in range(projects)
    ]
    return StaticWorld({(ACCOUNT, REGION): listed})


def measure(rate: float, calls: int, latency: float) -> None:
    """Sync once against a quota of `rate`, and print how long the calls took from the first to the last."""
    with Emulator(world(calls), tps=rate, latency=latency) as endpoint, tempfile.TemporaryDirectory() as lake:
        os.environ.update(endpoint.environment())
        chosen = settings.load(lake=lake, environment={}, regions=[REGION], rate=rate)
        result = run.sync(chosen, lambda _: None)
        times = sorted(call.time for call in endpoint.calls if call.operation == "DescribeProjectVersions")
        throttles = sum(call.error == "ThrottlingException" for call in endpoint.calls)
    assert result.record.outcome == "complete"
    took, ideal = times[-1] - times[0], (calls - max(1.0, rate)) / rate
    print(f"{rate:5g}/s  {took:7.2f} s  ideal {ideal:7.2f} s  {took / ideal:5.3f}  throttles {throttles}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 10, 25, 50])
    given = parser.parse_args()
    started = time.monotonic()
    for one in given.rates:
        measure(one, given.calls, given.latency)
    print(f"in all {time.monotonic() - started:.0f} s")

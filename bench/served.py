"""The endpoint in a process of its own, and the commands that are run against it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
ANY_RATE = "10000"
"""Calls a second: the endpoint keeps no quota."""

DLT = {
    "dlt (default)": ("--way", "default"),
    "dlt (tuned)": ("--way", "tuned"),
    "dlt (Arrow tables from a loop)": ("--way", "arrow"),
}
"""The ways of bench/peers/dlt_load.py."""


@dataclass(frozen=True)
class Endpoint:
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What sends any AWS client there."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def change(self, share: float) -> None:
        """Show a world from now on in which that share of the versions has another status."""
        self._get(f"/changed/{share}")

    def calls(self) -> dict[str, int]:
        return json.loads(self._get("/counts"))["calls"]

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path) as answer:  # noqa: S310  # our own process
            return answer.read()


@contextmanager
def endpoint(versions: int, *words: str) -> Iterator[Endpoint]:
    """Serve so many versions until the block ends; `words` are further ones of bench/endpoint.py's command line."""
    command = [sys.executable, BENCH / "endpoint.py", "--versions", str(versions), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        yield Endpoint(json.loads(server.stdout.readline())["url"])
        server.stdin.close()


def reklake(*words: str | Path) -> list[str]:
    """Return the command as it is installed beside this interpreter."""
    return [str(Path(sys.executable).with_name("reklake")), *map(str, words)]


def sync(lake: Path) -> list[str]:
    return reklake("sync", "--lake", lake, "--region", "us-east-1", "--rate", ANY_RATE, "--quiet")


def ours(*words: str | Path) -> list[str]:
    return [sys.executable, str(BENCH / "ours.py"), *map(str, words)]


def peer(python: Path, script: str, *words: str | Path) -> list[str]:
    return [str(python), str(BENCH / "peers" / script), *map(str, words)]

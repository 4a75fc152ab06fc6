"""The endpoint in a process of its own, and the commands that are run against it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
REGIONS = (
    "us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-west-2",
    "eu-central-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1",
)  # fmt: skip
"""Ten scopes, of one account."""
PEERS = {"plain": "plain_boto3.py", "dlt": "dlt_load.py"}
"""The peers' environments, each with its script in bench/peers."""


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
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def show_sync(self, number: int) -> None:
        """Show the world as it is at that sync (pages.World)."""
        self._get(f"/sync/{number}")

    def counts(self) -> dict[str, int]:
        """Return how many calls were answered, throttled and refused so far."""
        return json.loads(self._get("/counts"))

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path) as answer:  # noqa: S310  # our own process
            return answer.read()


@contextmanager
def endpoint(*, projects: int, each: int, words: Sequence[str] = ()) -> Iterator[Endpoint]:
    """Serve so many projects with `each` versions until the block ends; `words` go to bench/endpoint.py as they are."""
    command = [sys.executable, BENCH / "endpoint.py", "--projects", str(projects), "--each", str(each), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield Endpoint(json.loads(server.stdout.readline())["url"])
        finally:
            server.stdin.close()


def reklake(*words: str | Path) -> list[str | Path]:
    """Return the command as it is installed beside this interpreter."""
    return [Path(sys.executable).with_name("reklake"), *words]


def sync(lake: Path, *, regions: Sequence[str] = REGIONS[:1], rate: float = 10_000) -> list[str | Path]:
    """Return a sync; by default of one scope, and as fast as it can."""
    chosen = [word for region in regions for word in ("--region", region)]
    return reklake("sync", "--lake", lake, "--quiet", "--rate", str(rate), *chosen)


def product(*words: str | Path) -> list[str | Path]:
    return [sys.executable, BENCH / "product.py", *words]


def peer_python(name: str) -> Path:
    """Return the interpreter of a peer's environment, which is made under bench/.envs when its lock is a new one."""
    lock, folder = BENCH / "peers" / f"{name}.lock", BENCH / ".envs" / name
    made_from = folder / "made-from.lock"
    if not made_from.exists() or made_from.read_bytes() != lock.read_bytes():
        print(f"setting up bench/.envs/{name} from {lock.name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        installing = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
        subprocess.run([folder / "bin" / "python", *installing], check=True)
        shutil.copyfile(lock, made_from)
    return folder / "bin" / "python"


def peer(name: str, *words: str | Path) -> list[str | Path]:
    """Return a peer's export, plain or dlt; `words` say where from and where to."""
    return [peer_python(name), BENCH / "peers" / PEERS[name], *words]

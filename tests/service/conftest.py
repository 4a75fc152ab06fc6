"""A lake, and an endpoint to sync it from over HTTP."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings
from pipeline.emulator import Emulator
from pipeline.jobs import sync
from tests.service.bench import Bench, made_in
from tests.service.worlds import ACCOUNT, OTHER


@pytest.fixture(autouse=True)
def no_aws_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "REKLAKE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setattr("pipeline.extract.pacing.FIRST_DELAY", 0.001)
    monkeypatch.setattr("pipeline.extract.pacing.FIRST_PAUSE", 0.001)


@pytest.fixture(autouse=True)
def no_comments_in_lake_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are five hundred of them, which take half as long as a small sync."""
    monkeypatch.setattr("pipeline.query.views._comments", lambda *_: ())


class Served:
    """An endpoint that runs, and syncs from it."""

    def __init__(self, endpoint: Emulator, lake: Path) -> None:
        self.endpoint = endpoint
        self.lake = lake

    def sync(self, **aws: Any) -> sync.RunResult:
        chosen = {"regions": ["us-east-1"], "rate": 1000, "max_attempts": 12} | aws
        return sync.sync(settings.load(lake=str(self.lake), environment={}, **chosen), lambda _: None)

    def sync_both(self, **aws: Any) -> sync.RunResult:
        """Sync two accounts and two regions."""
        both = {"regions": ["us-east-1", "eu-west-1"], "accounts": [ACCOUNT, OTHER], "role": "Reader"}
        return self.sync(**both | aws)

    def calls(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.endpoint.calls)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    running: list[Emulator] = []
    lakes = (tmp_path / f"lake{number}" for number in itertools.count())

    def start(world: Any = None, *, lake: Path | None = None, **options: Any) -> Served:
        while running:
            running.pop().close()
        endpoint = Emulator(world, **options).start()
        running.append(endpoint)
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        return Served(endpoint, lake or next(lakes))

    yield start
    for endpoint in running:
        endpoint.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with made_in(tmp_path_factory.mktemp("bench")) as made:
        yield made

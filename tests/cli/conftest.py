"""The command as people run it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.processes import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def processes() -> Iterator[Server]:
    """Where processes come from that have imported everything already; what is imported when, test_commands tells."""
    with Server() as server:
        yield server


@pytest.fixture
def reklake(processes: Server, tmp_path: Path) -> Run:
    """Run the command in an empty folder, without any AWS settings but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}

    def run(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        # metadata of EC2 would be asked for credentials, for seconds
        alone = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "100"}
        return processes.run([*arguments], tmp_path, kept | alone | environment, given)

    return run

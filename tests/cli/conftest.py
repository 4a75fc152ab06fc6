"""The command as people run it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def reklake(tmp_path: Path) -> Run:
    """Run the command in an empty folder, without any AWS settings but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}

    def run(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        # metadata of EC2 would be asked for credentials, for seconds
        alone = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "100"}
        return subprocess.run(
            [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments],
            cwd=tmp_path,
            env=kept | alone | environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    return run

"""A command imports only what it needs: most of the time of a short command is imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.emulator import Emulator
from pipeline.query import database
from pipeline.settings import Prices
from tests.sql import lakes

AWS = {"boto3", "botocore", "moto", "werkzeug"}
DATA = {"duckdb", "pyarrow", "numpy", "msgspec", "pipeline.model", "pipeline.lake", "pipeline.settings"}
CODE = """
import sys
from pipeline.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("startup") / "lake"
    snapshot = lakes.make(folder, {"projects": [{"project_name": "p"}]}, [lakes.run_record()])
    database.refresh(folder, snapshot=snapshot, prices=Prices())
    return folder


def imported(folder: Path, *arguments: str, **environment: str) -> set[str]:
    """Run the command in a new interpreter; returns the modules that it had imported at its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
    ran = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stderr.split())


CASES = {
    "--help": AWS | DATA,
    "sync --help": AWS | DATA,
    "--version": AWS | DATA - {"pipeline.lake"},
    "sql --lake {lake} from_projects": AWS | {"pyarrow.dataset"},
    "check --lake {lake}": AWS,
    "runs --lake {lake}": AWS | {"duckdb"},
}


@pytest.mark.parametrize(("command", "unwanted"), CASES.items(), ids=CASES)
def test_nothing_is_imported_that_is_not_needed(command: str, unwanted: set[str], lake: Path, tmp_path: Path):
    words = [word.replace("_", " ").format(lake=lake) for word in command.split()]
    modules = imported(tmp_path, *words)
    assert "pipeline.cli.app" in modules
    assert not unwanted & modules


def test_a_sync_imports_no_more_than_it_uses(tmp_path: Path):
    words = ["--region", "us-east-1", "--rate", "200", "--with", "tags"]
    with Emulator() as endpoint:
        modules = imported(tmp_path, "sync", *words, **endpoint.environment())
    assert {"botocore", "pipeline.jobs.sync"} <= modules
    assert not {"boto3", "s3transfer", "pipeline.jobs.metrics_file", "pipeline.cli.live"} & modules

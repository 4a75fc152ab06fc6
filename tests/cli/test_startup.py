"""What a command imports before it does anything, and what the overview says of commands that it has not imported."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import pipeline.cli
from pipeline.cli.app import app
from pipeline.cli.commands import COMMANDS, Declared
from pipeline.emulator import Emulator
from pipeline.query import database as warehouse
from pipeline.settings import Prices
from tests.sql import lakes

AWS = {"boto3", "botocore", "moto", "werkzeug"}
DATA = {"duckdb", "pyarrow", "numpy", "msgspec", "pipeline.model", "pipeline.lake", "pipeline.settings"}
DISPLAY = {"rich", "pygments", "markdown_it"}
SLOW = {"importlib.metadata", "pydantic"}
TYPED = {"pydantic", "tomllib", "rich.console"}
"""What options would be converted with, settings read with if there were a file, and a terminal written to."""
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
    warehouse.refresh(folder, snapshot=snapshot, prices=Prices())
    return folder


def imported(folder: Path, *arguments: str, **environment: str) -> set[str]:
    """Run the command in an interpreter of its own; returns the modules that it had imported at its end."""
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
    "--help": AWS | DATA | SLOW | {"rich.markdown", "markdown_it", "rich.traceback", "pygments"},
    "--version": AWS | DATA | SLOW | DISPLAY,
    "version": AWS | DATA | SLOW | DISPLAY,
    "sync --help": AWS | DATA | SLOW,
    "sql --lake {lake} from_projects": AWS | TYPED | {"pyarrow.dataset", "numpy"},
    "sql --lake {lake} select_1": AWS | TYPED | {"pyarrow.dataset", "pyarrow.compute", "numpy"},
    "sql --lake {lake} --format csv --output projects.csv from_projects": AWS | TYPED | {"pyarrow.dataset", "numpy"},
    "check --lake {lake}": AWS | {"numpy"},
    "changes --lake {lake}": AWS | TYPED | {"numpy"},
    "runs --lake {lake}": AWS | TYPED | {"pyarrow.dataset", "duckdb"},
    "runs --lake {lake} --count 1": AWS | TYPED | {"pyarrow.dataset", "duckdb"},
}


@pytest.mark.parametrize(("command", "unwanted"), CASES.items(), ids=CASES)
def test_nothing_is_imported_that_is_not_needed(command, unwanted, lake, tmp_path):
    words = [word.replace("_", " ").format(lake=lake) for word in command.split()]
    modules = imported(tmp_path, *words)
    assert "pipeline.cli.app" in modules
    assert not unwanted & modules


def test_a_sync_imports_no_more_than_it_uses(tmp_path):
    words = ["--region", "us-east-1", "--rate", "200", "--with", "tags", "--log-format", "auto"]
    with Emulator() as endpoint:
        modules = imported(tmp_path, "sync", *words, **endpoint.environment())
    assert {"botocore", "pipeline.jobs.sync"} <= modules
    assert not {"boto3", "s3transfer", "pipeline.jobs.metrics_file", "pipeline.cli.live", *TYPED} & modules


def test_only_the_module_of_the_command_that_runs_is_imported(tmp_path):
    modules = {f"pipeline.cli.{one.place.partition(':')[0]}" for one in COMMANDS}
    assert modules & imported(tmp_path, "--help") == set()
    assert modules & imported(tmp_path, "version") == {"pipeline.cli.tables"}


@pytest.mark.parametrize("declared", COMMANDS, ids=lambda one: one.name)
def test_a_declared_summary_is_the_first_line_of_the_command_itself(declared: Declared):
    module, _, function = declared.place.partition(":")
    written = inspect.getdoc(getattr(importlib.import_module(f"pipeline.cli.{module}"), function))
    assert written is not None
    assert written.splitlines()[0] == declared.summary


def test_every_command_is_declared_once():
    places = [one.place for one in COMMANDS]
    assert len({one.name for one in COMMANDS}) == len(set(places)) == len(COMMANDS)
    assert [*typer.main.get_command(app).commands] == [one.name for one in COMMANDS]
    for found in pkgutil.iter_modules(pipeline.cli.__path__):
        module = importlib.import_module(f"pipeline.cli.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and "Example" in (inspect.getdoc(function) or ""):
                assert f"{found.name}:{name}" in places

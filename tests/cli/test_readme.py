"""The README's commands, run as they are written, must print what it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.emulator import Emulator
from tests.cli.processes import Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
BLOCKS = [(found["command"], found["output"]) for found in BLOCK.finditer(README)]
DUCKDB = [
    sys.executable,
    "-c",
    "import sys, duckdb; print(duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]))",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    """A folder to run in, with credentials that lead to the emulator."""
    folder = tmp_path_factory.mktemp("readme")
    with Emulator() as endpoint:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
        yield (
            folder,
            kept
            | endpoint.environment()
            | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "REKLAKE_LAKE": "data/demo",
                "HOME": str(folder),
            },
        )


def as_pattern(shown: str) -> str:
    """Turn shown output into a pattern: a line of three dots is any lines, three dots in a line any text."""
    lines = shown.splitlines()
    return "".join(
        r"(?s:.*\n)?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n" for line in lines
    )


def run(command: str, folder: Path, environment: dict[str, str], processes: Server) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    if words[0] == "duckdb":  # the client may not be installed; the library is the same
        words = [*DUCKDB, *words[1:]]
    if words == ["make", "demo"]:  # what the Makefile does once the environment is there
        words = ["reklake", "demo", "--lake", "data/demo"]
    elif words[0] == "reklake":  # that it is installed as a command, the demo shows
        return processes.run(words[1:], folder, environment)
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_there_are_commands_to_run():
    assert len(BLOCKS) == 15


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command[:40] for command, _ in BLOCKS])
def test_a_command_prints_what_the_readme_shows(place, processes: Server, command: str, shown: str):
    folder, environment = place
    if "demo" not in command and "sync" not in command and not (folder / "data" / "demo" / "CURRENT").exists():
        run("make demo", folder, environment, processes)
    ran = run(command, folder, environment, processes)
    assert ran.returncode == 0, ran.stderr
    printed = "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())
    assert re.fullmatch(as_pattern(shown), printed), f"{command} printed:\n{printed}"

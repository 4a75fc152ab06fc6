"""The documentation can be typed along: each block of commands prints what the page shows under it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import Server

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
EXPECTED_BLOCKS = {"README.md": 9, "docs/guide.md": 2, "docs/operations.md": 2}
BLOCKS = [
    pytest.param(found["command"], found["output"], id=f"{page}: {found['command'][:40]}")
    for page in EXPECTED_BLOCKS
    for found in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))
]
IN_PYTHON = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, processes: Server):
    """A function that runs a command as a reader does: after `make demo`, in its folder, without credentials."""
    folder = tmp_path_factory.mktemp("readme")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
    environment = inherited | {"REKLAKE_LAKE": "data/demo", "HOME": str(folder)}

    def run(command: str) -> subprocess.CompletedProcess[str]:
        words = shlex.split(command)
        if words == ["make", "demo"]:  # what the Makefile does once the environment is there
            words = ["reklake", "demo", "--lake", "data/demo"]
        if words[0] == "reklake":
            return processes.run(words[1:], folder, environment)
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def demo(reader) -> subprocess.CompletedProcess[str]:
    """The output of the first `make demo`."""
    return reader("make demo")


def as_pattern(shown: str) -> str:
    """Turn shown output into a pattern: a line of three dots is any lines, three dots in a line any text."""
    lines = shown.splitlines()
    return "".join(
        r"(?s:.*\n)?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n" for line in lines
    )


def test_every_console_block_is_found():
    for page, count in EXPECTED_BLOCKS.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(BLOCK.findall(text)) == text.count("```console") == count, page


@pytest.mark.parametrize(("command", "shown"), BLOCKS)
def test_a_command_prints_what_the_page_shows(reader, demo, command: str, shown: str):
    ran = demo if command == "make demo" else reader(command)
    assert ran.returncode == 0, ran.stderr
    printed = "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())
    assert re.fullmatch(as_pattern(shown), printed), f"{command} printed:\n{printed}"


@pytest.mark.usefixtures("demo")
def test_python_reads_a_lake_without_reklake(reader):
    (code,) = IN_PYTHON
    ran = reader(shlex.join([sys.executable, "-c", code]))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("\n61\n")

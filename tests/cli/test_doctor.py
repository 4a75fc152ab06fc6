"""The doctor's command: AWS and the lake in one table, its lines as they come on a terminal, its exit codes."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.emulator import Emulator, Fault
from tests.service.worlds import ACCOUNT, OTHER, two_by_two

Run = Callable[..., subprocess.CompletedProcess[str]]
SECRETS = {"AWS_SECRET_ACCESS_KEY": "planted-secret-access-key", "AWS_SESSION_TOKEN": "planted-session-token"}


@pytest.fixture
def endpoint() -> Iterator[Emulator]:
    with Emulator(two_by_two()) as running:
        yield running


def levels(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Level by subject."""
    assert "Traceback" not in ran.stderr
    return {row["subject"]: row["level"] for row in csv.DictReader(io.StringIO(ran.stdout))}


def test_before_the_first_sync_aws_is_looked_at_and_the_lake_is_a_warning(
    reklake: Run, endpoint: Emulator, tmp_path: Path
):
    ran = reklake("doctor", "--lake", "none", "--format", "csv", **endpoint.environment())
    assert ran.returncode == 0, ran.stdout
    found = levels(ran)
    assert found[f"{ACCOUNT}/us-east-1"] == "ok"
    assert {subject for subject, level in found.items() if level != "ok"} == {"lake"}
    assert found["lake"] == "warn"
    assert not (tmp_path / "none").exists()


def test_after_a_sync_quota_and_retention_are_told(reklake: Run, endpoint: Emulator, tmp_path: Path):
    environment = endpoint.environment() | {"REKLAKE_LAKE": "lake"}
    assert reklake("sync", "--quiet", "--with", "none", "--rate", "1000", **environment).returncode == 0
    ran = reklake("doctor", "--format", "csv", **environment)
    assert ran.returncode == 0, ran.stdout
    assert set(levels(ran).values()) == {"ok"}
    assert levels(ran).keys() >= {"credentials", "clock", "CURRENT", "quota", "retention", "versions"}
    (tmp_path / "lake" / "raw" / "20200101T000000Z-0000000").mkdir()
    only_lake = reklake("doctor", "--no-aws", "--format", "csv", REKLAKE_LAKE="lake")
    assert levels(only_lake)["retention"] == "warn"
    assert "credentials" not in levels(only_lake)
    assert "reklake gc --delete" in only_lake.stdout
    (tmp_path / "lake" / "lake.duckdb").unlink()
    fixed = reklake("doctor", "--no-aws", "--fix", "--lake", "lake")
    assert fixed.returncode == 0
    assert "\nok    lake.duckdb: rebuilt" in fixed.stdout
    assert (tmp_path / "lake" / "lake.duckdb").exists()
    only_aws = reklake("doctor", "--no-lake", "--format", "csv", **environment)
    assert "CURRENT" not in levels(only_aws)


def test_the_options_of_a_sync_say_whom_to_look_at_and_a_failure_exits_1(reklake: Run, endpoint: Emulator):
    endpoint.use(faults=[Fault("access_denied", operation="ListTagsForResource", account=OTHER)])
    whom = ["--account", ACCOUNT, "--account", OTHER, "--role", "Reader", "--region", "us-east-1"]
    asked = ["doctor", "--no-lake", *whom, "--external-id", "planted-external-id", "--format", "csv"]
    assert reklake(*asked, **endpoint.environment() | SECRETS).returncode == 0
    ran = reklake(*asked, "--with", "tags", **endpoint.environment() | SECRETS)
    assert ran.returncode == 1
    assert [subject for subject, level in levels(ran).items() if level == "fail"] == [f"{OTHER}/us-east-1"]
    assert "planted" not in ran.stdout + ran.stderr


def test_without_credentials_one_line_fails_and_the_lake_is_looked_at(reklake: Run):
    ran = reklake("doctor", "--lake", "none", "--format", "csv")
    assert ran.returncode == 1
    assert levels(ran) == {"versions": "ok", "credentials": "fail", "lake": "warn"}


def test_what_is_no_lake_fails(reklake: Run, tmp_path: Path):
    (tmp_path / "file").write_text("")
    ran = reklake("doctor", "--no-aws", "--lake", "file", "--format", "csv")
    assert ran.returncode == 1
    assert levels(ran)["lake"] == "fail"


def test_nothing_to_look_at_and_contradictions_are_wrong_usage(reklake: Run):
    assert reklake("doctor", "--no-aws", "--no-lake").returncode == 2
    assert reklake("doctor", "--no-lake", "--fix").returncode == 2
    ran = reklake("doctor", "--role", "Reader")
    assert ran.returncode == 2
    assert "--role needs --account or --organization" in ran.stderr


def test_on_a_terminal_each_line_stands_by_itself(tmp_path: Path):
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
    ran = subprocess.Popen(
        [sys.executable, "-c", "from pipeline.cli import main; main()", "doctor", "--no-aws", "--lake", "none"],
        cwd=tmp_path,
        env=kept | {"HOME": str(tmp_path), "TERM": "xterm"},
        stdout=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the terminal's other side is closed
        pass
    os.close(ours)
    assert ran.wait() == 0
    lines = shown.decode().split("\r\n")
    assert lines[0].startswith("\x1b[32mok  \x1b[0m  versions: python 3.")
    assert lines[-3:] == [
        "\x1b[33mwarn\x1b[0m  lake: none: nothing was published yet",
        "      fix: reklake sync",
        "",
    ]

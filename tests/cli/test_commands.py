"""Exit codes, clean streams, and mistakes that end in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.emulator import Emulator, Fault
from tests.cli.conftest import Run

COMMANDS = ["sync", "plan", "replay", "verify", "sql", "tables", "check", "iam-policy", "demo", "emulator", "version"]
TWO_REGIONS = ("--region", "us-east-1", "--region", "eu-west-1", "--rate", "200")


@pytest.fixture(scope="module")
def endpoint():
    with Emulator() as running:
        yield running


def error_of(ran: subprocess.CompletedProcess[str]) -> str:
    """The one message on stderr; no traceback, nothing on stdout."""
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("reklake: error: ")]
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_that_names_the_command(reklake: Run, command: str):
    ran = reklake(command, "--help")
    assert ran.returncode == 0
    assert f"reklake {command}" in ran.stdout.split("Options")[0] or command == "version"


def test_sync_says_what_it_did_and_machines_can_read_its_progress(reklake: Run, endpoint: Emulator):
    ran = reklake("sync", "--lake", "lake", *TWO_REGIONS, **endpoint.environment())
    assert ran.returncode == 0
    assert "111122223333/us-east-1: complete, 7 projects, 36 versions" in ran.stdout
    events = [json.loads(line) for line in ran.stderr.splitlines()]
    assert {event["event"] for event in events} >= {"started", "scope", "published"}
    again = reklake("sync", "--lake", "lake", "--quiet", *TWO_REGIONS, **endpoint.environment())
    assert "nothing changed; snapshot" in again.stdout
    assert again.stderr == ""
    assert reklake("verify", "--lake", "lake").returncode == 0
    assert reklake("check", "--lake", "lake").returncode == 0
    run_id = ran.stdout.split()[1].rstrip(":")
    assert reklake("replay", run_id, "--lake", "lake").returncode == 0
    rows = reklake("sql", "--lake", "lake", "--format", "csv", "select count(*) as n from project_versions")
    assert rows.stdout == "n\n61\n"


def test_verify_exits_1_when_something_differs(reklake: Run, endpoint: Emulator, tmp_path: Path):
    assert reklake("sync", "--lake", "lake", "--quiet", *TWO_REGIONS, **endpoint.environment()).returncode == 0
    (path,) = (tmp_path / "lake" / "snapshots").glob("*/projects.parquet")
    projects = pq.read_table(path)
    pq.write_table(projects.slice(1), path)
    ran = reklake("verify", "--lake", "lake")
    assert ran.returncode == 1
    assert f"{projects.column('project_arn')[0]} is not in the tables" in ran.stdout


def test_a_partial_run_exits_3_and_a_failed_one_1(reklake: Run, endpoint: Emulator):
    endpoint.use(faults=[Fault("access_denied", region="eu-west-1")])
    try:
        ran = reklake("sync", "--lake", "lake", "--quiet", *TWO_REGIONS, **endpoint.environment())
        assert ran.returncode == 3
        assert "111122223333/eu-west-1: failed" in ran.stdout
        assert "Allow rekognition:DescribeProjects" in ran.stdout
        failed = reklake("sync", "--lake", "other", "--quiet", "--region", "eu-west-1", **endpoint.environment())
        assert failed.returncode == 1
        assert "nothing was published" in failed.stdout
    finally:
        endpoint.use(faults=[])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["sync", "--region", "us-east-1"], 2, "No AWS credentials found"),
        (["sync", "--region", "us-east-1", "--profile", "nobody"], 2, "nobody"),
        (["sync", "--account", "12"], 2, "12 digits"),
        (["sync", "--rate", "0", "--region", "us-east-1"], 2, "above 0"),
        (["sync", "--config", "none.toml"], 2, "no such file"),
        (["sql", "--lake", "none", "select 1"], 1, "no such lake. Make one with `reklake sync`"),
        (["sql", "--lake", ".", "select 1"], 1, "holds no published snapshot"),
        (["sql", "--lake", "ftp://bucket/lake", "select 1"], 2, "a lake is a folder, or s3://bucket/prefix"),
        (["check", "--lake", "none"], 1, "no such lake"),
        (["verify", "--lake", "none"], 1, "no such lake"),
        (["runs", "--lake", "none"], 1, "no such lake"),
        (["replay", "yesterday", "--lake", "none"], 1, "no landed pages of run 'yesterday'"),
        (["tables", "modles"], 2, "modles: no such table. Known: projects,"),
        (["tables", "runs", "--format", "markdown"], 2, "documents the declared tables"),
        (["iam-policy", "--with", "models"], 2, "give some of datasets, tags, policies"),
        (["iam-policy", "--with", "none,tags"], 2, "give some of datasets, tags, policies"),
        (["iam-policy", "--bucket", "b-1"], 2, "--bucket goes with --evidence"),
        (["iam-policy", "--evidence", "--bucket", "s3://b"], 2, "give it without s3:// and without a key"),
        (["iam-policy", "--external-id", "x1"], 2, "--external-id goes with --trust"),
        (["iam-policy", "--trust", "me"], 2, "give an account id of 12 digits, or the ARN"),
        (["iam-policy", "--trust", "111122223333", "--external-id", "a b"], 2, "2 to 1,224 letters, digits"),
        (["iam-policy", "--trust", "111122223333", "--role", "R"], 2, "omit --role"),
        (["iam-policy", "--role", "R", "--evidence", "--with", "tags"], 2, "omit --with, --evidence"),
        (["iam-policy", "--role", "a role"], 2, "give a role's name"),
        (["iam-policy", "--regions", "all"], 2, "for every region leave the option out"),
        (["iam-policy", "--regions", "us-gov-west-1"], 2, "give --partition aws-us-gov"),
        (["iam-policy", "--lake", "data/lake"], 2, "a lake in a folder needs no AWS permissions"),
        (["iam-policy", "--lake", "s3://B/x"], 2, "cannot be a bucket's name"),
        (["emulator", "--fault", "sunshine"], 2, "sunshine"),
        (["emulator", "--port", "1", "--host", "203.0.113.1"], 2, "203.0.113.1"),
    ],
)
def test_a_mistake_is_one_line_with_the_next_step(reklake: Run, arguments: list[str], code: int, said: str):
    ran = reklake(*arguments)
    assert ran.returncode == code
    assert said in error_of(ran)


def test_no_region(reklake: Run):
    ran = reklake("sync", AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")  # noqa: S106  # opens nothing
    assert ran.returncode == 2
    assert "No region: give --region" in error_of(ran)


def test_a_settings_file_is_found_in_the_folder(reklake: Run, endpoint: Emulator, tmp_path: Path):
    (tmp_path / "reklake.toml").write_text(
        'lake = "here"\n[aws]\nregions = ["eu-west-1"]\nrate = 200\n[prices]\ntraining_hour = 2\ncurrency = "EUR"\n'
    )
    assert reklake("sync", "--quiet", **endpoint.environment()).returncode == 0
    ran = reklake("sql", "--format", "csv", "select distinct region, currency from model_inventory")
    assert ran.stdout == "region,currency\neu-west-1,EUR\n"
    (tmp_path / "reklake.toml").write_text("lake = 1")
    assert "lake is 1; it takes a string" in error_of(reklake("sql", "select 1"))


def test_demo_needs_nobody_and_shows_what_to_try_next(reklake: Run):
    ran = reklake("demo", AWS_PROFILE="someone-elses", AWS_DEFAULT_REGION="mars-north-1")
    assert ran.returncode == 0, ran.stderr
    for detail in ("complete", "my-project", "weld-seam-quality", "Try next:", "from running_models"):
        assert detail in ran.stdout
    assert ran.stderr == ""


def test_the_emulator_prints_the_variables_that_lead_to_it(tmp_path: Path):
    command = [
        sys.executable,
        "-c",
        "from pipeline.cli import main; main()",
        "emulator",
        "--port",
        "0",
        "--projects",
        "2",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr.readline().startswith("serving at http://127.0.0.1:")
        running.terminate()
        printed, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    exported = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    assert exported["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")


def test_ctrl_c_ends_a_sync_soon_and_says_so(endpoint: Emulator, tmp_path: Path):
    endpoint.use(faults=[Fault("latency", operation="DescribeProjectVersions", seconds=0.5)])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
    command = [
        sys.executable,
        "-c",
        "from pipeline.cli import main; main()",
        "sync",
        "--lake",
        "lake",
        *TWO_REGIONS,
    ]
    try:
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment | endpoint.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a shell may have told us to ignore it, and children would inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        ) as running:
            assert '"started"' in running.stderr.readline()
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=60)
    finally:
        endpoint.use(faults=[])
    assert running.returncode == 130
    assert "reklake: stopped." in said
    assert "Traceback" not in said
    assert not (tmp_path / "lake" / "CURRENT").exists()
    (record,) = (tmp_path / "lake" / "runs").glob("*.json")
    assert json.loads(record.read_text())["outcome"] == "failed"


def test_tables_lists_and_describes(reklake: Run):
    listed = reklake("tables").stdout
    for name in ("project_versions", "history.project_versions", "running_models", "scopes"):
        assert name in listed
    described = json.loads(reklake("tables", "project_versions", "--format", "json").stdout)
    assert {"column": "f1_score", "type": "double", "source": "EvaluationResult.F1Score"}.items() <= next(
        column for column in described if column["column"] == "f1_score"
    ).items()


def test_iam_policy_prints_a_policy_and_nothing_else(reklake: Run):
    ran = reklake("iam-policy", "--with", "none", "--regions", "us-east-1,eu-west-1", "--region", "us-west-2")
    assert (ran.returncode, ran.stderr) == (0, "")
    first, second = json.loads(ran.stdout)["Statement"]
    assert (first["Sid"], second["Sid"]) == ("ListProjects", "ListVersions")
    assert first["Condition"] == {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1", "us-west-2"]}}
    caller = reklake("iam-policy", "--role", "R", "--organization", "--lake", "s3://b-1/x/")
    sids = [statement["Sid"] for statement in json.loads(caller.stdout)["Statement"]]
    assert sids == ["AssumeRoles", "ListAccounts", "ListLake", "KeepLake"]
    assert "b-1/x/*" in caller.stdout
    trust = reklake("iam-policy", "--trust", "111122223333", "--partition", "aws-us-gov", "--format", "terraform")
    assert 'identifiers = ["arn:aws-us-gov:iam::111122223333:root"]' in trust.stdout


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from pipeline.cli import app\napp.app = lambda: 1 / 0", "ZeroDivisionError"),
        ("from pipeline.cli import app\napp.app = lambda: sys.exit('a reason')", "a reason\n"),
    ],
)
def test_a_bug_ends_with_its_traceback_and_a_reason_as_it_is(code: str, said: str):
    words = [sys.executable, "-c", f"import sys\n{code}\nfrom pipeline.cli import main\nmain()"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert said in ran.stderr

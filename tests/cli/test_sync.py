"""`reklake sync` as cron and people run it: its streams, its exit codes, and what it leaves for Prometheus."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.emulator import Emulator, Fault
from pipeline.lake import LocalLake
from pipeline.lake.run_record import RunRecord
from tests.cli.conftest import Run
from tests.unit.cli.test_live import screen
from tests.unit.test_metrics import Read, one, parse

HERE, THERE = "us-east-1", "eu-west-1"
ONE = ("--lake", "lake", "--region", THERE, "--rate", "200")
BOTH = (*ONE, "--region", HERE)
DENIED = Fault("access_denied", region=HERE)
ENDED = "reklake_last_run_timestamp_seconds"


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def endpoint(server: Emulator) -> Iterator[Emulator]:
    yield server
    server.use(faults=[])


def outcome(metrics: Read) -> str:
    (found,) = [dict(labels)["outcome"] for labels, value in metrics["reklake_last_run_outcome"].items() if value]
    return found


def metrics_in(folder: Path) -> Read:
    (path,) = (folder / "metrics").iterdir()
    return parse(path.read_text())


def ran_before(folder: Path, text: str = "of the run before\n") -> Path:
    """A metrics file that a run has left, in a folder of its own."""
    (folder / "metrics").mkdir()
    (folder / "metrics" / "r.prom").write_text(text)
    return folder / "metrics" / "r.prom"


def test_json_lines_tell_machines_what_happened_to_each_scope(reklake: Run, endpoint: Emulator):
    endpoint.use(faults=[DENIED])
    ran = reklake("sync", *BOTH, "--log-format", "json", **endpoint.environment())
    assert ran.returncode == 3
    events: list[dict[str, Any]] = [json.loads(line) for line in ran.stderr.splitlines()]
    assert all({"at", "level", "event"} <= event.keys() for event in events)
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    begun = events[0]
    assert (begun["event"], begun["scopes"]) == ("started", 2)
    assert ran.stdout.startswith(f"run {begun['run_id']}: partial")
    scopes = {event["region"]: event for event in events if event["event"] == "scope"}
    assert all({"outcome", "pages", "calls", "throttles", "seconds"} <= scope.keys() for scope in scopes.values())
    good, bad = scopes[THERE], scopes[HERE]
    assert (good["level"], good["outcome"], good["throttles"]) == ("info", "complete", 0)
    assert 0 < good["pages"] <= good["calls"]
    assert (bad["level"], bad["outcome"], bad["error_kind"], bad["pages"]) == ("warning", "failed", "denied", 0)
    assert "`reklake iam-policy` prints the policy" in bad["detail"]
    assert events[-1]["event"] == "published"
    assert events[-1]["detail"] == begun["run_id"]


def test_text_lines_tell_people_the_same_and_a_file_is_no_terminal(reklake: Run, endpoint: Emulator):
    endpoint.use(faults=[DENIED])
    ran = reklake("sync", *BOTH, "--log-format", "text", **endpoint.environment())
    lines = ran.stderr.splitlines()
    assert " INFO started: 2 scopes, run " in lines[0]
    (bad,) = [line for line in lines if " WARNING " in line]
    assert " WARNING scope 111122223333/us-east-1: account 111122223333, region us-east-1, DescribeProjects" in bad
    again = reklake("sync", *ONE, **endpoint.environment())
    assert again.returncode == 0
    assert [json.loads(line)["event"] for line in again.stderr.splitlines()][-1] == "unchanged"


def test_quiet_leaves_only_the_report(reklake: Run, endpoint: Emulator):
    endpoint.use(faults=[DENIED])
    ran = reklake("sync", *BOTH, "--quiet", "--log-format", "json", **endpoint.environment())
    assert (ran.returncode, ran.stderr) == (3, "")
    assert "  111122223333/us-east-1: failed" in ran.stdout


@pytest.mark.parametrize(
    ("fail_on", "code"), [("any", 3), ("all", 0), ("denied", 3), ("throttled", 0), ("throttled,denied", 3)]
)
def test_fail_on_says_which_failed_scopes_make_the_exit_code(reklake: Run, endpoint: Emulator, fail_on: str, code: int):
    endpoint.use(faults=[DENIED])
    ran = reklake("sync", *BOTH, "--quiet", "--fail-on", fail_on, **endpoint.environment())
    assert ran.returncode == code
    assert "partial, 1 of 2 scopes" in ran.stdout


def test_strict_publishes_nothing_and_the_next_sync_asks_only_for_what_failed(
    reklake: Run, endpoint: Emulator, tmp_path: Path
):
    endpoint.use(faults=[DENIED])
    ran = reklake("sync", *BOTH, "--quiet", "--strict", "--fail-on", "all", **endpoint.environment())
    assert ran.returncode == 1
    assert "nothing was published; the lake is as it was" in ran.stdout
    assert "(--strict)" in ran.stdout
    assert not (tmp_path / "lake" / "CURRENT").exists()
    endpoint.use(faults=[])
    before = len(endpoint.calls)
    again = reklake("sync", *BOTH, "--quiet", "--strict", **endpoint.environment())
    assert again.returncode == 0
    assert {call.region for call in endpoint.calls[before:]} == {HERE}
    first = ran.stdout.split()[1].rstrip(":")
    assert f"not listed again: reused from run {first}, which did not publish it" in again.stdout
    rows = reklake("sql", "--lake", "lake", "--format", "csv", "select region, count(*) from projects group by all")
    assert {line.split(",")[0] for line in rows.stdout.splitlines()[1:]} == {HERE, THERE}


def test_details_that_are_asked_for_by_name_fill_their_tables(reklake: Run, endpoint: Emulator):
    ran = reklake("sync", *ONE, "--quiet", "--with", "tags,policies", **endpoint.environment())
    assert ran.returncode == 0
    query = "select count(*) from resource_tags union all select count(*) from project_policies"
    counts = reklake("sql", "--lake", "lake", "--format", "csv", query)
    assert counts.returncode == 0, counts.stderr
    assert all(int(line) > 0 for line in counts.stdout.splitlines()[1:])


def test_with_none_asks_for_nothing_beside_projects_and_versions(reklake: Run, endpoint: Emulator):
    before = len(endpoint.calls)
    assert reklake("sync", *ONE, "--quiet", "--with", "none", **endpoint.environment()).returncode == 0
    asked = {call.operation for call in endpoint.calls[before:]}
    assert asked == {"DescribeProjects", "DescribeProjectVersions"}


def test_metrics_tell_of_a_success_and_then_of_a_partial_run(reklake: Run, endpoint: Emulator, tmp_path: Path):
    path = ran_before(tmp_path)
    asked = (*BOTH, "--quiet", "--metrics-file", str(path))
    assert reklake("sync", *asked, **endpoint.environment()).returncode == 0
    first = metrics_in(tmp_path)
    assert outcome(first) == "complete"
    assert one(first, "reklake_last_success_timestamp_seconds") == one(first, ENDED)
    endpoint.use(faults=[DENIED])
    assert reklake("sync", *asked, "--fail-on", "all", **endpoint.environment()).returncode == 0
    second = metrics_in(tmp_path)
    assert outcome(second) == "partial"
    assert second["reklake_last_success_timestamp_seconds"] == first["reklake_last_success_timestamp_seconds"]
    assert one(second, "reklake_scope_failed", account_id="111122223333", region=HERE, error_kind="denied") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--lake", "lake-that-is-a-file", "--region", HERE), 2),
        (("--lake", "lake", "--region", HERE, "--profile", "nobody"), 2),
        (("--lake", "lake", "--config", "broken.toml"), 2),
        (("--lake", "lake", "--region", HERE, "--fail-on", "sunshine"), 2),
    ],
)
def test_metrics_tell_of_a_run_that_could_not_begin(
    reklake: Run, endpoint: Emulator, tmp_path: Path, arguments: tuple[str, ...], code: int
):
    """Cron looks at no exit code, so the file is where it is seen that a changed setting stopped the syncs."""
    (tmp_path / "lake-that-is-a-file").touch()
    (tmp_path / "broken.toml").write_text("regions = 7")
    path = ran_before(tmp_path)
    ran = reklake("sync", *arguments, "--metrics-file", str(path), **endpoint.environment())
    assert ran.returncode == code, ran.stderr
    assert outcome(metrics_in(tmp_path)) == "failed"


def test_metrics_of_a_run_that_could_not_begin_still_tell_how_the_lake_stands(
    reklake: Run, endpoint: Emulator, tmp_path: Path
):
    path = ran_before(tmp_path)
    asked = ("sync", *ONE, "--quiet", "--metrics-file", str(path))
    assert reklake(*asked, **endpoint.environment()).returncode == 0
    first = metrics_in(tmp_path)
    assert reklake(*asked).returncode == 2  # there are no credentials
    second = metrics_in(tmp_path)
    assert outcome(second) == "failed"
    assert one(second, ENDED) > one(first, ENDED)
    for series in ("reklake_rows", "reklake_last_success_timestamp_seconds"):
        assert second[series] == first[series]


def test_metrics_stay_those_of_the_last_run_while_another_has_the_lake(
    reklake: Run, endpoint: Emulator, tmp_path: Path
):
    """That one will write its own; and if it never ends, the file grows old, which an alert is for."""
    path = ran_before(tmp_path)
    with LocalLake(tmp_path / "lake").locked(RunRecord.begin("sync", {}).run_id):
        ran = reklake("sync", *ONE, "--metrics-file", str(path), **endpoint.environment())
    assert ran.returncode == 75
    assert "is in use" in ran.stderr
    assert path.read_text() == "of the run before\n"


def test_flags_that_are_none_leave_the_metrics_alone(reklake: Run, tmp_path: Path):
    path = ran_before(tmp_path)
    assert reklake("sync", "--metrics-file", str(path), "--sunshine").returncode == 2
    assert path.read_text() == "of the run before\n"


@pytest.mark.parametrize("path", ["none/r.prom", ".", "lake-that-is-a-file/r.prom"])
def test_metrics_that_could_not_be_written_are_refused_before_anybody_is_asked(
    reklake: Run, endpoint: Emulator, tmp_path: Path, path: str
):
    (tmp_path / "lake-that-is-a-file").touch()
    before = len(endpoint.calls)
    ran = reklake("sync", *ONE, "--metrics-file", path, **endpoint.environment())
    assert ran.returncode == 2
    assert "--metrics-file" in ran.stderr
    assert len(endpoint.calls) == before
    assert not (tmp_path / "lake").exists()


def test_metrics_that_cannot_be_written_in_the_end_are_a_warning_of_a_run_that_stands(
    reklake: Run, endpoint: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = ran_before(tmp_path)
    told = threading.Event()
    answer = endpoint._service.answer

    def take_away(*request: Any) -> Any:
        if not told.is_set():
            told.set()
            path.unlink()
            path.parent.rmdir()
        return answer(*request)

    monkeypatch.setattr(endpoint._service, "answer", take_away)
    ran = reklake("sync", *ONE, "--quiet", "--metrics-file", str(path), **endpoint.environment())
    assert told.is_set()
    assert ran.returncode == 3, ran.stderr
    assert f"the snapshot stands, but {path}: cannot be written: there is no folder" in ran.stdout
    assert (tmp_path / "lake" / "CURRENT").exists()


def test_whoever_reads_the_report_may_leave_early_and_the_metrics_are_true(endpoint: Emulator, tmp_path: Path):
    path = ran_before(tmp_path)
    with in_a_process(tmp_path, endpoint, "--quiet", "--metrics-file", str(path), stdout=subprocess.PIPE) as running:
        running.stdout.close()
        assert running.wait(60) == 0
    assert outcome(metrics_in(tmp_path)) == "complete"


def in_a_process(folder: Path, endpoint: Emulator, *more: str, **streams: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "sync", *BOTH, *more]
    not_ours = ("AWS_", "REKLAKE_", "NO_COLOR", "FORCE_COLOR", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(not_ours)}
    environment = kept | {"TERM": "xterm", "COLUMNS": "100"} | endpoint.environment()
    return subprocess.Popen(command, cwd=folder, env=environment | streams.pop("env", {}), **streams)


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}])
def test_on_a_terminal_the_live_view_comes_and_goes_and_the_report_stays(
    endpoint: Emulator, tmp_path: Path, more: dict[str, str]
):
    endpoint.use(faults=[Fault("latency", operation="DescribeProjectVersions", seconds=0.05), DENIED])
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while piece := os.read(ours, 65_536):
                shown.extend(piece)
        except OSError:  # Linux: the other end is closed
            pass

    with in_a_process(tmp_path, endpoint, stdout=subprocess.PIPE, stderr=theirs, env=more) as running:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        said = running.stdout.read().decode()
        assert running.wait(60) == 3
        reader.join(60)
    os.close(ours)
    text = shown.decode()
    assert "that the quotas allow" in text
    assert bool(re.search(r"\x1b\[[\d;]+m", text)) == (not more), "colours"
    left = screen(text)
    assert left[0].startswith("started: 2 scopes, run ")
    assert left[1].startswith("111122223333/us-east-1: account 111122223333, region us-east-1, DescribeProjects")
    assert left[-1].startswith("published: ")
    assert not any(line.startswith(("scopes ", "pages ", "calls ", "time ", "now ")) for line in left)
    assert said.startswith("run ")
    assert "  111122223333/eu-west-1: complete" in said
    assert "\x1b" not in said
    assert "snapshot" not in text

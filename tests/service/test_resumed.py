"""What a run that did not live to publish has listed is not asked again; two runs at once; told to stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings
from pipeline.emulator import Fault
from pipeline.errors import BusyError
from pipeline.jobs import replay, sync
from tests.service.bench import FIRST, SECOND, Bench, Command, state
from tests.service.killing import DIES
from tests.service.worlds import ACCOUNT

ONE_LANDED = f"parquet begin raw/<new>/.{ACCOUNT}_{SECOND}.parquet.<pid>.tmp #1"
POINTED = "rename .CURRENT.<pid>.tmp -> CURRENT #1"


def killed(bench: Bench, at: str = ONE_LANDED, **options: Any) -> Path:
    """Kill a sync, and return the folder of the pages it landed."""
    before = set((bench.lake / "raw").iterdir()) if (bench.lake / "raw").exists() else set()
    assert bench.shop.sync(bench.lake, DIES, at, **options)["code"] == -signal.SIGKILL
    (new,) = set((bench.lake / "raw").iterdir()) - before
    return new


def resumed(told: dict[str, Any]) -> dict[str, str | None]:
    return {one["region"]: one["resumed_from"] for one in told["record"]["scopes"]}


def test_a_sync_after_a_killed_one_asks_only_for_what_was_not_listed_to_its_end(bench: Bench):
    bench.begin("old")
    dead = killed(bench)
    told = bench.goes_on()
    assert told["asked"] == {SECOND}
    assert resumed(told) == {FIRST: dead.name, SECOND: None}
    assert "resumed" in told["events"]
    assert not dead.exists()


def test_a_replay_of_a_run_that_resumed_gives_the_same_tables(bench: Bench, tmp_path: Path):
    bench.begin("old")
    killed(bench)
    run_id = bench.goes_on()["record"]["run_id"]
    shutil.copytree(bench.lake / "raw" / run_id, tmp_path / "lake" / "raw" / run_id)
    replay.replay(settings.load(lake=str(tmp_path / "lake"), environment={}), run_id, lambda _: None)
    found = state(tmp_path / "lake")
    assert found is not None
    assert found.tables == bench.new.tables


def test_killed_twice_when_all_was_listed_nobody_is_asked_again(bench: Bench):
    bench.begin("none")
    first = killed(bench, POINTED)
    second = killed(bench, POINTED)
    assert not first.exists()
    told = bench.goes_on()
    assert told["asked"] == set()
    assert resumed(told) == {FIRST: second.name, SECOND: second.name}


def test_what_is_older_than_resume_within_is_asked_again(bench: Bench):
    bench.begin("old")
    dead = killed(bench)
    told = bench.goes_on(resume_within=0)
    assert told["asked"] == {FIRST, SECOND}
    assert resumed(told) == {FIRST: None, SECOND: None}
    assert not dead.exists()


@pytest.mark.parametrize("kept", ["old", "new"])
def test_what_a_later_sync_has_listed_is_not_taken_from_an_older_dead_run(bench: Bench, kept: str, tmp_path: Path):
    bench.begin(kept, later=False)  # over the new one the later sync finds nothing changed
    dead = killed(bench)
    shutil.move(dead, tmp_path / "aside")
    bench.begin(kept)
    bench.goes_on()
    shutil.move(tmp_path / "aside", dead)
    told = bench.goes_on()
    assert told["asked"] == {FIRST, SECOND}
    assert not dead.exists()


def test_of_two_dead_runs_the_newest_listing_is_taken(bench: Bench, tmp_path: Path):
    bench.begin("old", later=False)
    older = killed(bench)
    shutil.move(older, tmp_path / "aside")
    bench.begin("old")
    newer = killed(bench)
    shutil.move(tmp_path / "aside", older)
    told = bench.goes_on()
    assert told["asked"] == {SECOND}
    assert resumed(told) == {FIRST: newer.name, SECOND: None}
    assert not older.exists()


@pytest.mark.parametrize("left", [0, 40, -1])
def test_a_damaged_file_of_a_dead_run_is_ignored(bench: Bench, left: int):
    bench.begin("old")
    dead = killed(bench)
    (landed,) = dead.glob(f"*_{FIRST}.parquet")
    os.truncate(landed, left if left >= 0 else landed.stat().st_size - 1)
    assert bench.goes_on()["asked"] == {FIRST, SECOND}
    assert not dead.exists()


def test_a_body_that_rotted_in_a_dead_run_is_asked_again(bench: Bench):
    bench.begin("old")
    dead = killed(bench)
    (landed,) = dead.glob(f"*_{FIRST}.parquet")
    content = bytearray(landed.read_bytes())
    content[100:600] = bytes(500)
    landed.write_bytes(content)
    assert bench.goes_on()["asked"] == {FIRST, SECOND}


def test_a_scope_that_had_failed_in_a_dead_run_is_asked_again(bench: Bench):
    bench.begin("old")
    bench.endpoint.use(faults=[Fault("access_denied", operation="DescribeProjectVersions", region=FIRST)])
    killed(bench, POINTED)
    bench.endpoint.use(faults=[])
    assert bench.goes_on()["asked"] == {FIRST}


def test_a_scope_that_is_not_wanted_now_is_taken_later(bench: Bench):
    bench.begin("old")
    dead = killed(bench, POINTED)
    assert bench.shop.sync(bench.lake, regions=[SECOND])["outcome"] == "complete"
    assert dead.exists()
    told = bench.goes_on()
    assert told["asked"] == {SECOND}
    assert resumed(told) == {FIRST: dead.name, SECOND: None}
    assert not dead.exists()


def test_a_second_sync_is_told_at_once_who_has_the_lake_and_follows_when_that_is_dead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    bench.begin("old")
    bench.endpoint.use(faults=[Fault("latency", region=SECOND, seconds=30)])
    first = Command(bench)
    first.until("scope")
    before = others(bench.lake)
    second = Command(bench)
    returned, said, complained = second.end()
    assert (returned, said) == (75, "")
    (line,) = complained.splitlines()
    (run_id,) = {path.name for path in (bench.lake / "raw").iterdir()} - {
        path.name for path in (bench.folder / "kept-old" / "raw").iterdir()
    }
    for detail in (run_id, socket.gethostname(), f"process {first.process.pid}", "Run again when it has ended"):
        assert detail in line
    monkeypatch.setattr(sync, "plan", lambda _: pytest.fail("AWS was asked"))
    with pytest.raises(BusyError):
        sync.sync(settings.load(lake=str(bench.lake), environment={}), lambda _: None)
    assert others(bench.lake) == before
    first.end(signal.SIGKILL)
    bench.endpoint.use(faults=[])
    assert bench.goes_on()["asked"] == {SECOND}


def others(lake: Path) -> list[Path]:
    """What is in a lake, but for what the first sync is just writing."""
    return sorted(path for path in lake.rglob("*") if ".tmp" not in str(path.relative_to(lake)))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_sync_that_is_told_to_stop_says_what_is_kept_and_leaves_a_record(bench: Bench, number: int, code: int):
    bench.begin("old")
    bench.endpoint.use(faults=[Fault("latency", region=SECOND, seconds=5)])
    command = Command(bench)
    command.until("scope")  # the first one is listed, the second is slow
    returned, said, complained = command.end(number)
    assert (returned, said) == (code, "")
    assert "Traceback" not in complained
    (line,) = [line for line in complained.splitlines() if not line.startswith("{")]
    assert line.startswith("reklake: stopped. The lake is as it was before; 1 scope was listed to the end")
    bench.whole(bench.old)
    newest = max((bench.lake / "runs").glob("*.json"))
    assert json.loads(newest.read_text())["outcome"] == "failed"
    bench.endpoint.use(faults=[])
    assert bench.goes_on()["asked"] == {SECOND}

"""Killed at every step, a disk that is full at every step: the lake is the old one or the new one, and goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import LocalLake
from pipeline.lake.run_record import ID_TIME_LENGTH
from tests.service.bench import Bench, Command, state
from tests.service.killing import DIES, FAILS, FULL, NEEDS_ROOM, READ_ONLY, STOPS, footprint

ALIKE = ("datasets", "version_assets", "dataset_statistics", "resource_tags")
"""Tables whose steps are like those of projects, project_versions and project_policies."""
SHARES = 6
"""Tests of every step are cut in so many, for processes side by side."""
POINTED = "rename .CURRENT.<pid>.tmp -> CURRENT #1"


def strike(bench: Bench, kept: str, how: str, labels: list[str], share: int = 0, shares: int = 1) -> int:
    """Strike a sync at each of these steps, and see each time that the lake is whole and goes on.

    What comes next depends on the files alone, so of lakes that look alike one is read through SQL and synced again.
    """
    kinds = {one["label"]: one["kind"] for one in bench.steps(kept)}
    chosen = labels[share * len(labels) // shares : (share + 1) * len(labels) // shares]
    wrong = {}
    for label in chosen:
        bench.begin(kept)
        fault = FULL if how == FAILS and kinds[label] in NEEDS_ROOM else how
        told = bench.shop.sync(bench.lake, fault, label)
        try:
            if how == DIES:
                assert told["code"] == -signal.SIGKILL
                assert state(bench.lake) in (bench.before, bench.now)
            else:
                complained(bench, told)
            looks = (kept, *footprint(bench.lake))
            if looks not in bench.seen:
                bench.seen.add(looks)
                bench.whole(bench.before, bench.now)
                bench.goes_on()
        except Exception as error:  # noqa: BLE001  # all of them are told at the end
            wrong[label] = f"{type(error).__name__}: {error}"
    assert not wrong, "\n\n".join(f"{label}\n  {said[:3000]}" for label, said in wrong.items())
    return len(chosen)


def complained(bench: Bench, told: dict[str, Any]) -> None:
    """A sync that could not write says so: in one LakeError and all is as it was, or, once published, in a warning."""
    assert told["code"] == 0
    if "raised" in told:
        assert told["raised"] == "LakeError", told["message"]
        assert "\n" not in told["message"]
        assert str(bench.lake) in told["message"]
        assert "Input/output error" in told["message"] or "No space left" in told["message"]
        assert state(bench.lake) == bench.before
    else:
        assert told["outcome"] == "complete"
        assert "Input/output error" in told["warning"] or "No space left" in told["warning"]
        assert state(bench.lake) == bench.now


def labels(bench: Bench, kept: str) -> list[str]:
    return [one["label"] for one in bench.steps(kept)]


def distinct(bench: Bench, kept: str) -> list[str]:
    """Steps without those of tables that are written like others: the first, the largest and the last stand for all."""
    return [one for one in labels(bench, kept) if not any(f"/{name}.parquet" in one for name in ALIKE)]


def visible(bench: Bench, kept: str) -> list[str]:
    """Steps before which the lake looks otherwise than before any other: killed at those, killed at all."""
    return list({one["looks"]: one["label"] for one in reversed(bench.steps(kept))}.values())[::-1]


def most(bench: Bench, kept: str) -> list[str]:
    """All visible steps, and of those between them every other one: to the next sync neighbours are much alike."""
    seen = set(visible(bench, kept))
    return [one for at, one in enumerate(distinct(bench, kept)) if at % 2 == 0 or one in seen]


def test_the_steps_are_all_there_and_have_names_of_their_own(bench: Bench):
    for kept, least in (("none", 80), ("old", 75)):
        steps = bench.steps(kept)
        assert len({one["label"] for one in steps}) == len(steps) >= least
        kinds = Counter(one["kind"] for one in steps)
        assert kinds.keys() >= {"create", "write", "mkdir", "rename", "fsync", "truncate", "pwrite", "duckdb"}
        assert min(kinds["parquet begin"], kinds["parquet write"], kinds["parquet end"]) >= 6
        assert kinds["fsync"] >= 20
        assert len(visible(bench, kept)) >= 12


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_wherever_a_first_sync_changes_the_lake_it_is_empty_or_new_and_goes_on(bench: Bench, share: int):
    assert strike(bench, "none", DIES, visible(bench, "none"), share, SHARES) >= 3


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_any_step_of_a_later_sync_the_lake_is_old_or_new_and_goes_on(bench: Bench, share: int):
    assert strike(bench, "old", DIES, most(bench, "old"), share, SHARES) >= 6


@pytest.mark.parametrize("share", range(SHARES))
def test_on_a_disk_that_is_full_or_broken_at_a_step_the_lake_stays_or_a_warning_is_given(bench: Bench, share: int):
    some = distinct(bench, "old")[::3]  # neighbours are much alike
    assert strike(bench, "old", FAILS, some, share, SHARES) >= 3


@pytest.mark.parametrize("share", range(2))
def test_killed_while_it_clears_what_others_left_the_lake_goes_on(bench: Bench, share: int):
    bench.begin("old")
    assert bench.shop.sync(bench.lake, DIES, POINTED)["code"] == -signal.SIGKILL
    (published,) = (bench.lake / "runs").glob("2*.json")
    published.unlink()  # as if it had been killed just after it published
    newest = max((bench.lake / "raw").iterdir())
    for name in (".lake.duckdb.1.tmp.wal", f"raw/{newest.name}/.x.1.tmp"):
        (bench.lake / name).write_text("half")
    for name in ("snapshots/.x.1.tmp/history/x", f"raw/.{published.stem}.1.tmp/.y.parquet.2.tmp"):
        (bench.lake / name).parent.mkdir(parents=True)
        (bench.lake / name).write_text("half")
    bench.keep(f"messy-{share}")
    usual = set(labels(bench, "old"))
    clearing = [label for label in labels(bench, f"messy-{share}") if label not in usual]
    assert {label.partition(" ")[0] for label in clearing} >= {"unlink", "rmdir", "rename", "fsync", "link", "write"}
    assert strike(bench, f"messy-{share}", DIES, clearing, share, 2) >= 12


@pytest.mark.parametrize("label", [POINTED, "fsync . #1", "rename snapshots/.<new>.<pid>.tmp -> snapshots/<new> #1"])
def test_stopped_while_it_publishes_no_record_says_that_what_is_published_failed(bench: Bench, label: str):
    bench.begin("old")
    assert bench.shop.sync(bench.lake, STOPS, label)["raised"] == "KeyboardInterrupt"
    bench.whole(bench.old, bench.new)
    published = LocalLake(bench.lake).pointer()
    assert published is not None
    told = bench.lake / "runs" / f"{published.value}.json"
    assert not told.exists() or json.loads(told.read_text())["outcome"] == "complete"
    bench.goes_on()


def test_a_snapshot_that_died_in_the_second_of_the_published_one_is_cleared_too(bench: Bench):
    bench.begin("old")
    assert bench.shop.sync(bench.lake, DIES, POINTED)["code"] == -signal.SIGKILL
    published = LocalLake(bench.lake).pointer()
    assert published is not None
    (orphan,) = [path for path in (bench.lake / "snapshots").iterdir() if path.name != published.value]
    orphan.rename(orphan.with_name(published.value[:ID_TIME_LENGTH] + "-00000000"))  # as one of a clock set back
    bench.goes_on()


@pytest.mark.parametrize("pointer", ["20200101T000000Z-000000\n", "", "../raw", "nonsense", "\0"])
def test_a_pointer_that_names_nothing_is_an_error_that_changes_nothing(bench: Bench, pointer: str):
    bench.begin("old")
    (bench.lake / "CURRENT").write_text(pointer)
    before = footprint(bench.lake)
    told = bench.shop.sync(bench.lake)
    assert told["raised"] == "LakeError", told
    assert "reklake rollback" in told["message"]
    assert "\n" not in told["message"]
    (record,) = (
        set((bench.lake / "runs").iterdir())
        - set((bench.folder / "kept-old" / "runs").iterdir())
        - {bench.lake / "runs" / path.name for path in (bench.folder / "kept-old" / "runs").iterdir()}
    )
    assert json.loads(record.read_text())["outcome"] == "failed"
    record.unlink()
    assert footprint(bench.lake) == before


@pytest.mark.parametrize("kept", ["none", "old"])
def test_a_lake_that_cannot_be_written_is_one_clear_error_and_stays(bench: Bench, kept: str):
    bench.begin(kept)
    before = footprint(bench.lake)
    told = bench.shop.sync(bench.lake, READ_ONLY)
    assert told["raised"] == "LakeError", told
    assert "Read-only file system" in told["message"]
    assert "allow writing there" in told["message"]
    assert footprint(bench.lake) == before


@pytest.mark.parametrize("kept", ["none", "old"])
def test_every_file_is_on_the_disk_before_it_has_its_name_and_current_has_its_own_last(bench: Bench, kept: str):
    trace = bench.steps(kept)
    written: dict[str, int] = {}
    synced: dict[str, int] = {}
    named: dict[str, int] = {}
    for at, one in enumerate(trace):
        if one["kind"] == "fsync":
            synced[one["path"]] = at
        elif one["kind"] == "rename":
            for path in [path for path in written if path == one["path"] or path.startswith(one["path"] + "/")]:
                assert synced.get(path, -1) > written[path], f"{path} may be empty after a power failure"
                del written[path]
            named[one["to"]] = at
        elif one["kind"] in NEEDS_ROOM - {"mkdir"} and not one["path"].endswith("/.lock"):
            written[one["path"].partition(" ")[0] if one["kind"] == "duckdb" else one["path"]] = at
    folders = {one["path"]: at for at, one in enumerate(trace) if one["kind"] == "mkdir" and ".tmp" not in one["path"]}
    for path, at in (named | folders).items():
        if path != str(bench.lake):
            assert synced[str(Path(path).parent)] > at, f"{path} may not be there after a power failure"
    lake = str(bench.lake)
    (published,) = [path for path in named if Path(path).parent.name == "snapshots"]
    raw = [path for path in named if "/raw/" in path]
    (told,) = [path for path in named if "/runs/" in path and path.endswith(".json")]
    assert len(raw) == 2
    first_of_all = {f"{lake}/runs/none.parquet"} if kept == "none" else set()
    assert set(named) == {
        published,
        told,
        *raw,
        *first_of_all,
        f"{lake}/CURRENT",
        f"{lake}/lake.duckdb",
    }
    pointed = named[f"{lake}/CURRENT"]
    for path in [published, *raw]:
        following = [
            at for at, one in enumerate(trace) if one["kind"] == "fsync" and one["path"] == str(Path(path).parent)
        ]
        assert any(named[path] < at < pointed for at in following), f"CURRENT could name what is not there: {path}"
    assert pointed < named[told] < named[f"{lake}/lake.duckdb"]


def test_killed_again_and_again_at_random_moments_without_a_whole_sync_between(bench: Bench):
    dice = random.Random(20261124)
    bench.begin("old")
    codes = Counter(bench.shop.sync(bench.lake, seconds=dice.uniform(0.02, 0.4))["code"] for _ in range(15))
    assert codes[-signal.SIGALRM]  # how many land depends on the machine's speed
    bench.whole(bench.old, bench.new)
    bench.goes_on()


def test_the_command_killed_at_random_moments_leaves_a_lake_that_goes_on(bench: Bench):
    dice = random.Random(1)
    bench.begin("old")
    codes = []
    for _ in range(3):
        command = Command(bench)
        command.until("started")
        with suppress(subprocess.TimeoutExpired):  # on a quick machine it may be done
            command.process.wait(dice.uniform(0, 0.25))
        codes.append(command.end(signal.SIGKILL)[0])
        bench.whole(bench.old, bench.new)
    assert -signal.SIGKILL in codes
    bench.goes_on()

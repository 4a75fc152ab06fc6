"""Killed at every step, a disk that is full at every step: the lake is the old one or the new one, and goes on."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline import record
from pipeline.emulator import Emulator, Fault, StaticWorld
from pipeline.load import snapshot
from pipeline.model import TABLES
from pipeline.storage import LocalLake
from tests.service.killing import DIES, FAILS, FULL, NEEDS_ROOM, ROOT, RUN_ID, Workshop, workshop
from tests.service.worlds import ACCOUNT, project, version

HALF_WRITTEN = re.compile(r"\.\d+\.tmp")
PARTS = 6
"""Each test of every step is cut in so many, for processes side by side."""
FIRST, SECOND = "eu-west-1", "us-east-1"
"""The scopes' regions, in the order in which they are listed."""


def world(*, later: bool = False) -> StaticWorld:
    """Two scopes of two projects; `later`, in both of them, a version is new, one is changed and one is gone."""
    listed = {}
    for region in (FIRST, SECOND):
        cats, dogs = project("cats", region=region), project("dogs", region=region)
        dogs["Datasets"] = [
            {
                "DatasetArn": dogs["ProjectArn"].replace("/dogs/", "/dogs/dataset/train/"),
                "DatasetType": "TRAIN",
                "Status": "UPDATE_IN_PROGRESS" if later else "CREATE_COMPLETE",
                "CreationTimestamp": 1690405809.285,
            }
        ]
        assets = [{"GroundTruthManifest": {"S3Object": {"Bucket": "b", "Name": name}}} for name in "xyz"]
        changing = version(
            cats,
            "changing",
            Status="RUNNING" if later else "STOPPED",
            TrainingDataResult={"Input": {"Assets": assets[1:] if later else assets[:2]}},
        )
        come_or_gone = version(cats, "new" if later else "going")
        listed[ACCOUNT, region] = [
            (cats, [changing, version(cats, "staying"), come_or_gone]),
            (dogs, [version(dogs, "good")]),
        ]
    return StaticWorld(listed)


@dataclass(frozen=True)
class State:
    """What a lake shows, without what differs from run to run: ids and instants."""

    tables: dict[str, str]
    """Checksum of each table's file: equal pages give equal bytes."""
    history: dict[str, list[Any]]
    """Each state a row has had, in order: its values, and whether it lasts, touches the next one or ends."""
    versions: list[tuple[Any, ...]]
    """Rows of project_versions, as SQL shows them."""


def state(lake: Path) -> State | None:
    """Read the published snapshot, each file of which must be as its manifest says."""
    published = snapshot.find(LocalLake(lake))
    if published is None:
        return None
    published.verify()
    tables = {name: entry["sha256"] for name, entry in published.manifest["tables"].items()}
    versions = pq.read_table(published.file("project_versions"), columns=["project_version_arn", "status"]).to_pylist()
    return State(
        tables,
        {table.name: _states(pq.read_table(published.file(table.name, history=True)), table.key) for table in TABLES},
        [tuple(one.values()) for one in versions],
    )


def _states(history: Any, key: Sequence[str]) -> list[Any]:
    rows = history.to_pylist()
    told = []
    for at, row in enumerate(rows):
        following = rows[at + 1] if at + 1 < len(rows) and all(rows[at + 1][one] == row[one] for one in key) else None
        until, since = row.pop("valid_to"), row.pop("valid_from")
        assert until is None or since < until
        ends = "lasts" if until is None else "touches" if following and following["valid_from"] == until else "ends"
        told.append((tuple(row.values()), ends))
    return told


def shown(lake: Path) -> list[tuple[Any, ...]] | None:
    """What lake.duckdb answers, which must open and be whole if it is there."""
    file = lake / "lake.duckdb"
    if not file.exists():
        return None
    with duckdb.connect(str(file), read_only=True) as con:
        counted = con.sql("select count(*) from marts.model_inventory").fetchall()[0][0]
        con.sql("select * from runs join run_scopes using (run_id)").fetchall()
        rows = con.sql(
            "select project_version_arn, status from project_versions order by project_version_arn"
        ).fetchall()
    assert counted == len(rows)
    return rows


def left_over(lake: Path) -> list[str]:
    """What a sync that has ended well should not have left: half-written files, and what no record explains."""
    records = record.documents(LocalLake(lake))
    published = {run_id for run_id, one in records.items() if record.has_published(one)}
    hidden = [path for path in lake.rglob("*") if path.name.startswith(".") and path.name != ".lock"]
    snapshots = [path for path in (lake / "snapshots").iterdir() if path.name not in published]
    raw = [path for path in (lake / "raw").iterdir() if path.name not in records]
    runs = [path for path in (lake / "runs").iterdir() if path.stem not in records]
    return sorted(str(path.relative_to(lake)) for path in {*hidden, *snapshots, *raw, *runs})


def footprint(lake: Path) -> tuple[Any, ...]:
    """What the next sync finds; from equal ones it goes on equally.

    Ids are named by their order, not by their time. What is half-written counts by its name alone: it is thrown away.
    """
    paths = [path for path in sorted(lake.rglob("*")) if not HALF_WRITTEN.search(str(path.parent.relative_to(lake)))]
    ids = sorted({one for path in paths for one in RUN_ID.findall(path.name)})

    def plain(text: str) -> str:
        named = RUN_ID.sub(lambda found: f"<{ids.index(found[0])}>" if found[0] in ids else "<?>", text)
        return HALF_WRITTEN.sub(".tmp", named)

    def content(path: Path) -> Any:
        if path.is_dir() or HALF_WRITTEN.search(path.name):
            return None
        if path.name == "CURRENT" or path.suffix == ".json":
            return re.sub(r"[\d.:TZ-]+", "", plain(path.read_text(encoding="utf-8")))
        return path.stat().st_size > 0

    return tuple((plain(str(path.relative_to(lake))), content(path)) for path in paths)


class Bench:
    """One lake that is set up again and again, and the states it may be in."""

    def __init__(self, endpoint: Emulator, shop: Workshop, folder: Path) -> None:
        self.endpoint, self.shop, self.folder = endpoint, shop, folder
        self.lake = folder / "lake"  # always this place: lake.duckdb names its files by their whole paths
        self.old, self.new = self._states()

    def _states(self) -> tuple[State, State]:
        found = []
        for later in (False, True):
            self.endpoint.use(world(later=later))
            assert self.shop.sync(self.lake)["outcome"] == "complete"
            one = state(self.lake)
            assert one is not None
            found.append(one)
            shutil.copytree(self.lake, self.folder / ("kept-new" if later else "kept-old"))
        return found[0], found[1]

    def begin(self, kept: str) -> None:
        """Put the lake in place as it was kept: `none`, `old`, `new`, or whatever `keep` was told."""
        if self.lake.exists():
            shutil.rmtree(self.lake)
        if kept != "none":
            shutil.copytree(self.folder / f"kept-{kept}", self.lake)

    def keep(self, name: str) -> None:
        shutil.copytree(self.lake, self.folder / f"kept-{name}")

    def steps(self, kept: str) -> list[dict[str, str]]:
        """Every step of a whole sync of the new world over what was kept."""
        self.begin(kept)
        self.endpoint.use(world(later=True))
        told = self.shop.sync(self.lake)
        assert (told["code"], told.get("outcome"), told.get("warning")) == (0, "complete", None), told
        assert left_over(self.lake) == []
        trace: list[dict[str, str]] = told["trace"]
        return trace

    def whole(self, *allowed: State | None) -> None:
        """The lake is in one of these states, and lake.duckdb shows one of them too, be it another."""
        assert state(self.lake) in allowed
        assert shown(self.lake) in [None if one is None else one.versions for one in allowed]

    def goes_on(self) -> dict[str, Any]:
        """The next sync succeeds, and leaves a lake like one that was never struck."""
        told = self.shop.sync(self.lake)
        assert (told["code"], told.get("outcome"), told.get("warning")) == (0, "complete", None), told
        assert state(self.lake) == self.without_history_of_old(self.new)
        assert shown(self.lake) == self.new.versions
        assert left_over(self.lake) == []
        return told

    def without_history_of_old(self, new: State) -> State:
        """A lake that began with the new world has no older states."""
        if self.began_with_old:
            return new
        lasting = {name: [one for one in states if one[1] == "lasts"] for name, states in new.history.items()}
        return State(new.tables, lasting, new.versions)

    began_with_old = True


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Emulator]:
    with Emulator(world()) as running:
        yield running


@pytest.fixture(scope="module")
def bench(endpoint: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with workshop(folder, endpoint.environment()) as shop:
        yield Bench(endpoint, shop, folder)


@pytest.fixture(autouse=True)
def no_faults(endpoint: Emulator) -> Iterator[None]:
    endpoint.use(faults=[])
    yield
    endpoint.use(faults=[])


def strike(
    bench: Bench, kept: str, how: Sequence[str], part: int = 0, parts: int = PARTS, without: Container[str] = ()
) -> Counter[str]:
    """Strike a sync at each of its steps, and see each time that the lake is whole and goes on.

    What the next sync does depends on the files alone, so it is run once for those that look alike.
    """
    kinds = {one["label"]: one["kind"] for one in bench.steps(kept) if one["label"] not in without}
    labels = list(kinds)
    bench.began_with_old = kept != "none"
    before: State | None = bench.old if bench.began_with_old else None
    after = bench.without_history_of_old(bench.new)
    seen: set[tuple[Any, ...]] = set()
    struck: Counter[str] = Counter()
    wrong = {}
    for label in labels[part * len(labels) // parts : (part + 1) * len(labels) // parts]:
        bench.begin(kept)
        kind = FULL if kinds[label] in NEEDS_ROOM else FAILS
        told = bench.shop.sync(bench.lake, DIES if DIES in how else kind, label)
        try:
            if DIES in how:
                assert told["code"] == -signal.SIGKILL
                bench.whole(before, after)
            else:
                complained(bench, told, before, after)
            struck[kinds[label]] += 1
            looks = footprint(bench.lake)
            if looks not in seen:
                seen.add(looks)
                bench.goes_on()
        except Exception as error:  # noqa: BLE001  # all of them are told at the end
            wrong[label] = f"{type(error).__name__}: {error}"
    assert not wrong, "\n\n".join(f"{label}\n  {said[:3000]}" for label, said in wrong.items())
    return struck


def complained(bench: Bench, told: dict[str, Any], before: State | None, after: State) -> None:
    """A sync that could not write says so: in one LakeError and all is as it was, or, once published, in a warning."""
    assert told["code"] == 0
    if "raised" in told:
        assert told["raised"] == "LakeError", told["message"]
        assert "\n" not in told["message"]
        assert str(bench.lake) in told["message"]
        assert "Input/output error" in told["message"] or "No space left" in told["message"]
        bench.whole(before)
    else:
        assert told["outcome"] == "complete"
        assert told["warning"]
        bench.whole(before, after)
        assert state(bench.lake) == after


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_step_of_a_first_sync_the_lake_is_empty_or_new_and_goes_on(bench: Bench, part: int):
    struck = strike(bench, "none", [DIES], part)
    assert struck.total() >= 10
    assert len(struck) >= 3


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_step_of_a_later_sync_the_lake_is_old_or_new_and_goes_on(bench: Bench, part: int):
    struck = strike(bench, "old", [DIES], part)
    assert struck.total() >= 10
    assert len(struck) >= 3


@pytest.mark.parametrize("part", range(PARTS))
def test_on_a_disk_that_is_full_or_broken_at_any_step_the_lake_stays_or_a_warning_is_given(bench: Bench, part: int):
    struck = strike(bench, "old", [FULL, FAILS], part)
    assert struck.total() >= 10
    assert len(struck) >= 3


def test_killed_while_it_clears_what_others_left_the_lake_goes_on(bench: Bench):
    usual = {one["label"] for one in bench.steps("old")}
    bench.begin("old")
    killed = bench.shop.sync(bench.lake, DIES, "rename .CURRENT.<pid>.tmp -> CURRENT #1")
    assert killed["code"] == -signal.SIGKILL
    (published,) = (bench.lake / "runs").iterdir()
    published.unlink()  # as if it had been killed just after it published
    newest = max((bench.lake / "raw").iterdir())
    for name in (
        ".CURRENT.1.tmp",
        ".lake.duckdb.1.tmp.wal",
        f"raw/{newest.name}/.x.parquet.1.tmp",
        "runs/.x.json.1.tmp",
    ):
        (bench.lake / name).write_text("half")
    (bench.lake / "snapshots/.x.1.tmp/history").mkdir(parents=True)
    (bench.lake / "snapshots/.x.1.tmp/history/projects.parquet").write_text("half")
    (bench.lake / "raw" / f".{published.stem}.1.tmp").mkdir()
    (bench.lake / "raw" / f".{published.stem}.1.tmp" / ".y.parquet.2.tmp").write_text("half")
    bench.keep("messy")
    struck = strike(bench, "messy", [DIES], parts=1, without=usual)
    assert struck.total() >= 25
    assert struck.keys() >= {"unlink", "rmdir", "rename", "fsync", "link", "write"}


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
    (told,) = [path for path in named if "/runs/" in path]
    assert len(raw) == 2
    assert set(named) == {published, told, *raw, f"{lake}/CURRENT", f"{lake}/lake.duckdb"}
    pointed = named[f"{lake}/CURRENT"]
    for path in [published, *raw]:
        following = [
            at for at, one in enumerate(trace) if one["kind"] == "fsync" and one["path"] == str(Path(path).parent)
        ]
        assert any(named[path] < at < pointed for at in following), f"CURRENT could name what is not there: {path}"
    assert pointed < named[told] < named[f"{lake}/lake.duckdb"]


def test_killed_again_and_again_at_random_moments_without_a_whole_sync_between(bench: Bench):
    dice = random.Random(20261124)
    bench.began_with_old = True
    bench.begin("old")
    bench.endpoint.use(world(later=True))
    codes = Counter(bench.shop.sync(bench.lake, seconds=dice.uniform(0.02, 0.45))["code"] for _ in range(15))
    assert codes[-signal.SIGALRM] >= 5
    bench.whole(bench.old, bench.new)
    bench.goes_on()


class Command:
    """`reklake sync` as people run it."""

    def __init__(self, bench: Bench, *more: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
        regions = ("--region", FIRST, "--region", SECOND, "--rate", "1000")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from pipeline.cli import main; main()",
                "sync",
                "--lake",
                bench.lake,
                *regions,
                *more,
            ],
            cwd=ROOT,
            env=kept | bench.endpoint.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, event: str) -> None:
        """Wait until it has told of this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if f'"event": "{event}"' in line:
                return
        raise AssertionError(f"it ended before it told of {event}")

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Send it a signal, and return its exit code and what else it said."""
        if number is not None:
            self.process.send_signal(number)
        said, complained = self.process.communicate(timeout=60)
        return self.process.returncode, said, complained


def test_the_command_killed_at_random_moments_leaves_a_lake_that_goes_on(bench: Bench):
    dice = random.Random(1)
    bench.began_with_old = True
    bench.begin("old")
    bench.endpoint.use(world(later=True))
    killed = 0
    for _ in range(5):
        command = Command(bench)
        command.until("started")
        with pytest.raises(subprocess.TimeoutExpired):
            command.process.wait(dice.uniform(0, 0.3))
        killed += command.end(signal.SIGKILL)[0] == -signal.SIGKILL
        bench.whole(bench.old, bench.new)
    assert killed == 5
    bench.goes_on()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_sync_that_is_told_to_stop_says_what_is_kept_and_leaves_a_record(bench: Bench, number: int, code: int):
    bench.began_with_old = True
    bench.begin("old")
    bench.endpoint.use(world(later=True), faults=[Fault("latency", region=SECOND, seconds=1.0)])
    command = Command(bench)
    command.until("scope")  # the first one is listed, the second is slow
    returned, said, complained = command.end(number)
    assert (returned, said) == (code, "")
    assert "Traceback" not in complained
    (line,) = [line for line in complained.splitlines() if not line.startswith("{")]
    assert "stopped" in line
    assert "as it was" in line
    assert "1 scope was listed to the end" in line
    bench.whole(bench.old)
    newest = max((bench.lake / "runs").iterdir())
    assert json.loads(newest.read_text())["outcome"] == "failed"
    bench.endpoint.use(faults=[])
    calls = len(bench.endpoint.calls)
    bench.goes_on()
    assert {call.region for call in bench.endpoint.calls[calls:]} == {SECOND}

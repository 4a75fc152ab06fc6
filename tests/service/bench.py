"""A lake that is set up and struck again and again, the states it may be in, and the command that syncs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipeline.emulator import Emulator, StaticWorld
from pipeline.lake import LocalLake, run_log, run_record, snapshot
from pipeline.model import TABLES
from tests.service.killing import ROOT, Workshop, workshop
from tests.service.worlds import ACCOUNT, project, version
from tests.snapshots import current_rows, states_of

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

    tables: dict[str, list[dict[str, Any]]]
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
    tables = current_rows(published)
    versions = pq.read_table(published.file("project_versions"), columns=["project_version_arn", "status"]).to_pylist()
    return State(
        tables,
        {table.name: _states(states_of(published, table.name), table.key) for table in TABLES},
        [tuple(one.values()) for one in versions],
    )


def _states(history: Any, key: Sequence[str]) -> list[Any]:
    rows = history.to_pylist()
    told = []
    for row, following in zip(rows, [*rows[1:], None], strict=False):
        is_same_key = following is not None and all(following[name] == row[name] for name in key)
        since, until = row["valid_from"], row["valid_to"]
        assert until is None or since < until
        touches = following is not None and is_same_key and following["valid_from"] == until
        values = tuple(value for name, value in row.items() if name not in {"valid_from", "valid_to"})
        told.append((values, "lasts" if until is None else "touches" if touches else "ends"))
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
    records = {document["run_id"]: document for document in run_log.newest_first(LocalLake(lake))}
    published = {run_id for run_id, one in records.items() if run_record.has_published(one)}
    hidden = [path for path in lake.rglob("*") if path.name.startswith(".") and path.name not in KEPT]
    snapshots = [path for path in (lake / "snapshots").iterdir() if path.name not in published]
    raw = [path for path in (lake / "raw").iterdir() if path.name not in records]
    runs = [path for path in (lake / "runs").glob("*.json") if path.stem not in records]
    return sorted(str(path.relative_to(lake)) for path in {*hidden, *snapshots, *raw, *runs})


KEPT = {".lock"}
"""Hidden files that belong to a lake."""


class Bench:
    """One lake that is set up again and again, and the states it may be in."""

    def __init__(self, endpoint: Emulator, shop: Workshop, folder: Path) -> None:
        self.endpoint, self.shop, self.folder = endpoint, shop, folder
        self.lake = folder / "lake"  # always this place: lake.duckdb names its files by their whole paths
        self.began_with_old = True
        self.seen: set[tuple[Any, ...]] = set()
        """How lakes looked from which it was seen that the next sync goes on."""
        self._steps: dict[str, list[dict[str, str]]] = {}
        self.old, self.new = self._states()

    def _states(self) -> tuple[State, State]:
        found = []
        for later in (False, True):
            self.endpoint.use(world(later=later))
            assert self.shop.sync(self.lake)["outcome"] == "complete"
            one = state(self.lake)
            assert one is not None
            found.append(one)
            self.keep("new" if later else "old")
        return found[0], found[1]

    def begin(self, kept: str, *, later: bool = True) -> None:
        """Put the lake in place as it was kept (`none`, `old`, `new`, or as `keep` named it), and serve a world."""
        if self.lake.exists():
            shutil.rmtree(self.lake)
        if kept != "none":
            shutil.copytree(self.folder / f"kept-{kept}", self.lake)
        self.began_with_old = kept != "none"
        self.endpoint.use(world(later=later), faults=[])

    def keep(self, name: str) -> None:
        """Keep the lake as it is now, to begin with again."""
        shutil.copytree(self.lake, self.folder / f"kept-{name}")

    def steps(self, kept: str) -> list[dict[str, str]]:
        """Return every step of a whole sync of the new world over what was kept."""
        if kept not in self._steps:
            self.begin(kept)
            self._steps[kept] = self.goes_on(looking=True)["trace"]
        return self._steps[kept]

    @property
    def now(self) -> State:
        """The state that shows the new world; a lake that began with it has no older states."""
        if self.began_with_old:
            return self.new
        lasting = {name: [one for one in states if one[1] == "lasts"] for name, states in self.new.history.items()}
        return State(self.new.tables, lasting, self.new.versions)

    @property
    def before(self) -> State | None:
        """The state that the lake began with."""
        return self.old if self.began_with_old else None

    def whole(self, *allowed: State | None) -> None:
        """See that the lake is in one of these states, and that lake.duckdb shows one of them, be it another."""
        assert state(self.lake) in allowed
        assert shown(self.lake) in [None if one is None else one.versions for one in allowed]

    def goes_on(self, **options: Any) -> dict[str, Any]:
        """See that the next sync succeeds, and leaves a lake like one that was never struck."""
        calls = len(self.endpoint.calls)
        told = self.shop.sync(self.lake, **options)
        assert (told["code"], told.get("outcome"), told.get("warning")) == (0, "complete", None), told
        assert state(self.lake) == self.now
        assert shown(self.lake) == self.now.versions
        assert left_over(self.lake) == []
        return told | {"asked": {call.region for call in self.endpoint.calls[calls:]}}


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


@contextmanager
def made_in(folder: Path) -> Iterator[Bench]:
    """Make a bench; one at a time in a process, as emulators are."""
    with Emulator(world()) as endpoint, workshop(folder, endpoint.environment()) as shop:
        yield Bench(endpoint, shop, folder)

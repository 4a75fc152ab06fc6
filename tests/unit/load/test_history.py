"""Histories in the cases that a model does not think of: older lakes, clocks that go back, runs told anew."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError
from pipeline.lake import LocalLake, sha256, snapshot
from pipeline.load.snapshot_writer import SnapshotWriter, writer
from pipeline.model import TABLES, table
from pipeline.model.page import Scope
from tests.histories import states_of

HERE, THERE = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 11)]


def publish(lake: LocalLake, name: str, at: datetime, run: str | None = None, **projects: Any) -> None:
    """Publish what a listing of HERE saw: projects by name, each with its status or all its members."""

    def row(name: str, members: Any) -> dict[str, Any]:
        place = {"account_id": HERE.account_id, "region": HERE.region, "project_arn": f"arn:{name}"}
        return place | (members if isinstance(members, dict) else {"status": members})

    with writer(lake, name, snapshot.find(lake)) as new:
        rows = [row(name, members) for name, members in sorted(projects.items())]
        new.add({"projects": pa.Table.from_pylist(rows, table("projects").schema)})
        new.listed(HERE, run or name, at)
        new.carry(THERE)
        seal(new, at)


def seal(new: SnapshotWriter, at: datetime) -> None:
    new.seal(created_at=at.isoformat(), software={}, run=dict)


def states(lake: LocalLake, *columns: str) -> list[tuple[Any, ...]]:
    found = states_of(snapshot.current(lake), "projects").to_pylist()
    names = ("project_arn", *(columns or ("status",)), "valid_from", "valid_to")
    return [tuple(row[name] for name in names) for row in found]


def rewritten(lake: LocalLake, change: Any) -> None:
    """Let the current snapshot look as if another version had written it."""
    found = snapshot.current(lake)
    folder = lake.root / "snapshots" / found.id
    manifest = json.loads((folder / "manifest.json").read_text())
    change(folder, manifest)
    for entry in [*manifest["tables"].values(), *manifest.get("history", {}).values()]:
        path = folder / entry["file"]
        entry |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def without(*columns: str) -> Any:
    def change(folder: Path, _: dict[str, Any]) -> None:
        for path in folder.rglob("projects.parquet"):  # the table, and its history if it has a file
            pq.write_table(pq.read_table(path).drop_columns(list(columns)), path)

    return change


@pytest.fixture(params=["written", "told"])
def lake(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LocalLake:
    """A lake whose first histories are written, as where there are many scopes, or told by the tables."""
    if request.param == "written":
        monkeypatch.setattr("pipeline.load.snapshot_writer.FEW_SCOPES", 0)
    return LocalLake(tmp_path)


def test_a_column_that_an_older_version_did_not_have_is_no_change(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a={"status": "CREATED"}, gone={"status": "CREATED"})
    publish(lake, "s2", DAYS[1], a={"status": "CREATED"})
    rewritten(lake, without("auto_update", "feature"))
    new = {"auto_update": "ENABLED", "feature": "CONTENT_MODERATION"}
    publish(lake, "s3", DAYS[2], a={"status": "CREATED"} | new, b={"status": "CREATED"} | new)
    assert states(lake, "status", "auto_update") == [
        ("arn:a", "CREATED", "ENABLED", DAYS[0], None),
        ("arn:b", "CREATED", "ENABLED", DAYS[2], None),
        ("arn:gone", "CREATED", None, DAYS[0], DAYS[1]),
    ]


def test_nor_is_it_that_extra_no_longer_holds_its_values(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a={"extra": '{"AutoUpdate":"ENABLED"}'}, b={"extra": '{"Odd":1}'})
    rewritten(lake, without("auto_update"))
    publish(lake, "s2", DAYS[1], a={"auto_update": "ENABLED"}, b={"status": "CREATED", "extra": '{"Odd":1}'})
    assert states(lake, "status", "auto_update", "extra") == [
        ("arn:a", None, "ENABLED", None, DAYS[0], None),
        ("arn:b", None, None, '{"Odd":1}', DAYS[0], DAYS[1]),
        ("arn:b", "CREATED", None, '{"Odd":1}', DAYS[1], None),
    ]
    publish(lake, "s3", DAYS[2], a={"auto_update": "DISABLED"}, b={"status": "CREATED", "extra": '{"Odd":2}'})
    assert [(arn, since) for arn, _, since, _ in states(lake)][1::2] == [("arn:a", DAYS[2]), ("arn:b", DAYS[1])]
    assert len(states(lake)) == 5  # now both columns are compared again


def test_a_lake_without_histories_gets_one_that_begins_with_its_snapshot(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED", b="CREATED")

    def older(_: Path, manifest: dict[str, Any]) -> None:
        for name in ("history", "parent", "run"):
            del manifest[name]
        for scope in manifest["scopes"]:
            del scope["listed_at"]
        manifest |= {"format": 1, "created_at": DAYS[1].isoformat()}

    rewritten(lake, older)
    publish(lake, "s2", DAYS[2], a="CREATED", b="DELETING")
    expected = [
        ("arn:a", "CREATED", DAYS[1], None),
        ("arn:b", "CREATED", DAYS[1], DAYS[2]),
        ("arn:b", "DELETING", DAYS[2], None),
    ]
    assert states(lake) == expected
    rewritten(lake, older)  # again without, and now nothing has changed in AWS
    publish(lake, "s3", DAYS[3], a="CREATED", b="DELETING")
    assert snapshot.current(lake).id == "s3"
    assert states(lake) == [("arn:a", "CREATED", DAYS[1], None), ("arn:b", "DELETING", DAYS[1], None)]


@pytest.mark.parametrize("what", ["has changed", "is the same"])
def test_a_history_of_an_older_version_is_told_how_its_states_began_and_ended(lake: LocalLake, what: str):
    publish(lake, "s1", DAYS[0], a="CREATED", b="CREATED", c="CREATED")
    publish(lake, "s2", DAYS[1], a="DELETING", c="CREATED")
    publish(lake, "s3", DAYS[2], a="DELETING", b="CREATED", c="CREATED")
    ends = ("begins_as", "ends_as", "differences")
    told = [
        ("arn:a", "appeared", "changed", None, DAYS[0], DAYS[1]),
        ("arn:a", "changed", None, difference("status", "CREATED", "DELETING"), DAYS[1], None),
        ("arn:b", "appeared", "went", None, DAYS[0], DAYS[1]),
        ("arn:b", "returned", None, None, DAYS[2], None),
        ("arn:c", "appeared", None, None, DAYS[0], None),
    ]
    assert states(lake, *ends) == told

    def older(folder: Path, _: dict[str, Any]) -> None:
        path = folder / "history" / "projects.parquet"
        pq.write_table(pq.read_table(path).drop_columns(list(ends)), path)

    rewritten(lake, older)
    if what == "is the same":  # but for what another table has
        with writer(lake, "s4", snapshot.find(lake)) as new:
            rows = pq.read_table(snapshot.current(lake).file("projects"))
            dataset = {"account_id": HERE.account_id, "region": HERE.region, "dataset_arn": "arn:d"}
            new.add({"projects": rows, "datasets": pa.Table.from_pylist([dataset], table("datasets").schema)})
            new.listed(HERE, "s4", DAYS[3])
            seal(new, DAYS[3])
        assert states(lake, *ends) == told
    else:
        publish(lake, "s4", DAYS[3], a="DELETING", b="CREATED", c="DELETING")
        changed = ("arn:c", "changed", None, difference("status", "CREATED", "DELETING"), DAYS[3], None)
        assert states(lake, *ends) == [*told[:-1], ("arn:c", "appeared", "changed", None, DAYS[0], DAYS[3]), changed]


def test_what_differed_is_told_once_and_stays(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    publish(lake, "s2", DAYS[1], a="DELETING")
    rewritten(lake, without("auto_update"))
    publish(lake, "s3", DAYS[2], a={"status": "DELETING", "auto_update": "ENABLED"})
    # the column is no change, so it has none of before either
    assert states(lake, "auto_update", "differences") == [
        ("arn:a", None, None, DAYS[0], DAYS[1]),
        ("arn:a", "ENABLED", difference("status", "CREATED", "DELETING"), DAYS[1], None),
    ]


def difference(name: str, before: str | None, after: str | None) -> str:
    values = {"column_name": name, "value_before": before, "value_after": after}
    return json.dumps([values], separators=(",", ":"))


def test_a_clock_that_went_back_cannot_turn_an_interval_round(lake: LocalLake):
    publish(lake, "s1", DAYS[5], a="CREATED")
    publish(lake, "s2", DAYS[2], a="DELETING")
    publish(lake, "s3", DAYS[5], a="CREATED")
    moments = [DAYS[5] + timedelta(microseconds=number) for number in range(3)]
    assert states(lake) == [
        ("arn:a", "CREATED", moments[0], moments[1]),
        ("arn:a", "DELETING", moments[1], moments[2]),
        ("arn:a", "CREATED", moments[2], None),
    ]


def test_a_run_that_is_flattened_anew_replaces_what_it_had_told(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED", b="CREATED")
    publish(lake, "s2", DAYS[1], a="DELETING", c="CREATED")
    publish(lake, "s3", DAYS[1], "s2", a="FAILED", d="CREATED")  # the same pages, read by a version that reads better
    assert states(lake) == [
        ("arn:a", "CREATED", DAYS[0], DAYS[1]),
        ("arn:a", "FAILED", DAYS[1], None),
        ("arn:b", "CREATED", DAYS[0], DAYS[1]),
        ("arn:d", "CREATED", DAYS[1], None),
    ]


def test_a_scope_that_was_not_listed_keeps_its_states_open(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    with writer(lake, "s2", snapshot.find(lake)) as new:
        new.carry(HERE)
        new.listed(THERE, "s2", DAYS[1])
        seal(new, DAYS[1])
    assert states(lake) == [("arn:a", "CREATED", DAYS[0], None)]


def damaged(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:-1] if damage == "cut" else content)
    if damage == "remove":
        path.unlink()


@pytest.mark.parametrize(
    ("lake", "name"),
    [
        ("written", "projects.parquet"),
        ("written", "history/projects.parquet"),
        ("written", "history/datasets.parquet"),
        ("told", "projects.parquet"),
    ],
    indirect=["lake"],
)
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_file_is_never_carried_on(lake: LocalLake, name: str, damage: str):
    publish(lake, "s1", DAYS[0], a="CREATED")
    damaged(lake.root / "snapshots" / "s1" / name, damage)
    said = rf"s1: {name} is .*reklake doctor.*reklake rollback"
    with pytest.raises(LakeError, match=said), writer(lake, "s2", snapshot.find(lake)) as new:
        new.carry(HERE)
        new.add({"datasets": table("datasets").schema.empty_table()})  # only then is what was carried read
        new.listed(THERE, "s2", DAYS[1])
        seal(new, DAYS[1])
    assert lake.entries("snapshots") == ["s1"]


@pytest.mark.parametrize(
    ("lake", "name"), [("written", "history/projects.parquet"), ("told", "projects.parquet")], indirect=["lake"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_nor_does_a_history_go_on_from_it(lake: LocalLake, name: str, damage: str):
    publish(lake, "s1", DAYS[0], a="CREATED")
    damaged(lake.root / "snapshots" / "s1" / name, damage)
    with pytest.raises(LakeError, match=rf"s1: {name} is .*reklake doctor.*reklake rollback"):
        publish(lake, "s2", DAYS[1], a="DELETING")
    assert lake.entries("snapshots") == ["s1"]


def test_a_snapshot_that_was_carried_whole_is_not_written_anew(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    for file in (lake.root / "snapshots" / "s1").rglob("*.parquet"):
        file.unlink()  # nor read
    with writer(lake, "s2", snapshot.find(lake)) as new:
        new.carry(HERE)
        new.listed(HERE, "s2", DAYS[1])
        seal(new, DAYS[1])
    assert not new.is_changed
    assert lake.entries("snapshots") == ["s1"]
    assert snapshot.current(lake).id == "s1"


def test_each_table_has_a_history_in_the_manifest(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    manifest = snapshot.current(lake).manifest
    assert manifest["parent"] is None
    assert {name: entry["rows"] for name, entry in manifest["history"].items()} == {
        one.name: int(one.name == "projects") for one in TABLES
    }
    publish(lake, "s2", DAYS[1], a="DELETING")
    assert snapshot.current(lake).manifest["parent"] == "s1"

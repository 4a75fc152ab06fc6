"""What a snapshot takes over and what it changes: columns that are new, clocks that go back, runs told anew, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError
from pipeline.lake import LocalLake, Pointer, sha256, snapshot
from pipeline.load.snapshot_writer import new_snapshot
from pipeline.model import TABLES
from pipeline.model.page import Scope
from tests import snapshots
from tests.snapshots import states_of

HERE, THERE = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 11)]


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


def publish(lake: LocalLake, name: str, at: datetime, run: str | None = None, **projects: Any) -> None:
    """Publish what a listing of HERE saw: projects by name, each with its status or all its members."""
    rows = [
        {"project_arn": f"arn:{name}"} | (members if isinstance(members, dict) else {"status": members})
        for name, members in projects.items()
    ]
    snapshots.publish(lake, name, at, {HERE: {"projects": rows}}, carried=[THERE], run=run)


def states(lake: LocalLake, *columns: str) -> list[tuple[Any, ...]]:
    found = states_of(snapshot.current(lake), "projects").to_pylist()
    names = ("project_arn", *(columns or ("status",)), "valid_from", "valid_to")
    return [tuple(row[name] for name in names) for row in found]


def as_if_written_without(lake: LocalLake, *columns: str) -> None:
    """Let the current snapshot look as if a version had written it that did not declare these columns of projects."""
    found = snapshot.current(lake)
    folder = lake.root / "snapshots" / found.id
    manifest = json.loads((folder / "manifest.json").read_text())
    for kind in ("tables", "history"):
        entry = manifest[kind]["projects"]
        path = folder / entry["file"]
        rows = pq.read_table(path).drop_columns(list(columns))
        path.unlink()  # it may be a link
        pq.write_table(rows, path)
        entry |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
    ((digest, tables),) = manifest["declarations"].items()
    tables["projects"] = [name for name in tables["projects"] if name not in columns]
    manifest["declarations"] = {f"older {digest}": tables}
    for scope in manifest["scopes"]:
        scope["declaration"] = f"older {digest}"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_column_that_an_older_version_did_not_have_is_no_change(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a={"status": "CREATED"}, gone={"status": "CREATED"})
    publish(lake, "s2", DAYS[1], a={"status": "CREATED"})
    as_if_written_without(lake, "auto_update", "feature")
    new = {"auto_update": "ENABLED", "feature": "CONTENT_MODERATION"}
    publish(lake, "s3", DAYS[2], a={"status": "CREATED"} | new, b={"status": "CREATED"} | new)
    assert states(lake, "status", "auto_update") == [
        ("arn:a", "CREATED", "ENABLED", DAYS[0], None),
        ("arn:b", "CREATED", "ENABLED", DAYS[2], None),
        ("arn:gone", "CREATED", None, DAYS[0], DAYS[1]),
    ]


def test_nor_is_it_that_extra_no_longer_holds_its_values(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a={"extra": '{"AutoUpdate":"ENABLED"}'}, b={"extra": '{"Odd":1}'})
    as_if_written_without(lake, "auto_update")
    publish(lake, "s2", DAYS[1], a={"auto_update": "ENABLED"}, b={"status": "CREATED", "extra": '{"Odd":1}'})
    assert states(lake, "status", "auto_update", "extra") == [
        ("arn:a", None, "ENABLED", None, DAYS[0], None),
        ("arn:b", None, None, '{"Odd":1}', DAYS[0], DAYS[1]),
        ("arn:b", "CREATED", None, '{"Odd":1}', DAYS[1], None),
    ]
    publish(lake, "s3", DAYS[2], a={"auto_update": "DISABLED"}, b={"status": "CREATED", "extra": '{"Odd":2}'})
    assert [(arn, since) for arn, _, since, _ in states(lake)][1::2] == [("arn:a", DAYS[2]), ("arn:b", DAYS[1])]
    assert len(states(lake)) == 5  # now both columns are compared again


def test_a_scope_that_fails_after_an_upgrade_meets_the_new_column_later(lake: LocalLake):
    def listed(**members: str) -> dict[str, Any]:
        return {"projects": [{"project_arn": "arn:a", "status": "CREATED", **members}]}

    snapshots.publish(lake, "s1", DAYS[0], {HERE: listed(), THERE: listed()})
    as_if_written_without(lake, "auto_update")
    snapshots.publish(lake, "s2", DAYS[1], {HERE: listed(auto_update="ENABLED")}, carried=[THERE])
    snapshots.publish(lake, "s3", DAYS[2], {THERE: listed(auto_update="ENABLED")}, carried=[HERE])
    assert [row[-2:] for row in states(lake)] == [(DAYS[0], None)] * 2


def test_a_table_that_an_older_version_did_not_have_begins_now(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    path = lake.root / "snapshots" / "s1" / "manifest.json"
    manifest = json.loads(path.read_text())
    for kind in ("tables", "history"):
        del manifest[kind]["datasets"]
    path.write_text(json.dumps(manifest))
    rows = {"projects": [{"project_arn": "arn:a", "status": "CREATED"}], "datasets": [{"dataset_arn": "arn:d"}]}
    snapshots.publish(lake, "s2", DAYS[1], {HERE: rows})
    found = snapshot.current(lake)
    assert [(row["valid_from"], row["valid_to"]) for row in states_of(found, "datasets").to_pylist()] == [
        (DAYS[1], None)
    ]
    assert states(lake) == [("arn:a", "CREATED", DAYS[0], None)]


def test_a_clock_that_went_back_cannot_turn_an_interval_round(lake: LocalLake):
    publish(lake, "s1", DAYS[5], a="CREATED")
    publish(lake, "s2", DAYS[2], a="DELETING")
    publish(lake, "s3", DAYS[5], a="CREATED")
    instants = [DAYS[5] + timedelta(microseconds=number) for number in range(3)]
    assert states(lake) == [
        ("arn:a", "CREATED", instants[0], instants[1]),
        ("arn:a", "DELETING", instants[1], instants[2]),
        ("arn:a", "CREATED", instants[2], None),
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


def test_a_scope_that_was_not_listed_keeps_its_rows_its_states_and_its_source(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    publish(lake, "s2", DAYS[1], a="DELETING")
    snapshots.publish(lake, "s3", DAYS[2], {THERE: {"projects": [{"project_arn": "arn:z"}]}}, carried=[HERE])
    assert states(lake) == [
        ("arn:a", "CREATED", DAYS[0], DAYS[1]),
        ("arn:a", "DELETING", DAYS[1], None),
        ("arn:z", None, DAYS[2], None),
    ]
    assert {scope: source.run_id for scope, source in snapshot.current(lake).sources.items()} == {
        HERE: "s2",
        THERE: "s3",
    }


def test_what_could_not_be_read_keeps_its_rows_with_what_is_nested_in_them(lake: LocalLake):
    def assets(*arns: str) -> list[dict[str, Any]]:
        place = {"data_result": "training", "stage": "input"}
        return [place | {"project_version_arn": arn, "asset_index": at} for arn in arns for at in range(2)]

    def project(name: str, status: str) -> dict[str, Any]:
        return {"project_arn": name, "status": status}

    before = {"projects": [project("a", "CREATED"), project("b", "CREATED")], "version_assets": assets("v1", "v3")}
    seen = {"projects": [project("b", "DELETING"), project("c", "CREATED")], "version_assets": assets("v1", "v2")}
    snapshots.publish(lake, "s1", DAYS[0], {HERE: before})
    snapshots.publish(lake, "s2", DAYS[1], {HERE: seen}, is_whole=False)
    found = snapshot.current(lake)
    rows = pq.read_table(found.file("projects")).to_pylist()
    assert [(row["project_arn"], row["status"]) for row in rows] == [
        ("a", "CREATED"),
        ("b", "DELETING"),
        ("c", "CREATED"),
    ]
    kept = pq.read_table(found.file("version_assets")).column("project_version_arn").to_pylist()
    assert kept == ["v1", "v1", "v2", "v2", "v3", "v3"]
    assert not found.sources[HERE].whole
    same = {"projects": [project("a", "CREATED"), *seen["projects"]], "version_assets": assets("v1", "v2", "v3")}
    snapshots.publish(lake, "s3", DAYS[2], {HERE: same})
    assert snapshot.current(lake).id == "s3"  # the same rows, but whole now


def test_a_scope_that_was_never_listed_has_nothing_to_carry_forward(lake: LocalLake):
    snapshots.publish(lake, "s1", DAYS[0], {}, carried=[HERE])
    assert snapshot.current(lake).sources == {}


def test_nothing_changed_leaves_the_old_snapshot(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    publish(lake, "s2", DAYS[1], a="CREATED")
    assert (snapshot.current(lake).id, lake.entries("snapshots")) == ("s1", ["s1"])
    snapshots.publish(lake, "s3", DAYS[2], {THERE: {}}, carried=[HERE])  # a scope without projects
    assert set(snapshot.current(lake).sources) == {HERE, THERE}


def test_a_snapshot_that_was_carried_whole_is_neither_read_nor_written(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    for file in (lake.root / "snapshots" / "s1").rglob("*.parquet"):
        file.unlink()
    snapshots.publish(lake, "s2", DAYS[1], {}, carried=[HERE])
    assert (snapshot.current(lake).id, lake.entries("snapshots")) == ("s1", ["s1"])


def test_files_that_did_not_change_are_links(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    publish(lake, "s2", DAYS[1], a="DELETING")
    written = {
        file.relative_to(lake.root / "snapshots" / "s2").as_posix()
        for file in (lake.root / "snapshots" / "s2").rglob("*.parquet")
        if file.stat().st_nlink == 1
    }
    assert written == {"projects.parquet", "history/projects.parquet"}


def test_without_links_files_are_copies(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    publish(lake, "s1", DAYS[0], a="CREATED")
    publish(lake, "s2", DAYS[1], a="DELETING")
    snapshot.current(lake).verify()
    assert states(lake)[0] == ("arn:a", "CREATED", DAYS[0], DAYS[1])


def test_a_snapshot_that_was_not_sealed_or_broke_off_is_not_there(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    with new_snapshot(lake, "s2", snapshot.find(lake)) as new:
        new.carry_forward(HERE)
    broken = pytest.raises(KeyError, match="broken")
    with broken, new_snapshot(lake, "s3", snapshot.find(lake)) as new, new.scope(HERE, "s3", DAYS[2]):
        raise KeyError("broken")
    assert (snapshot.current(lake).id, lake.entries("snapshots")) == ("s1", ["s1"])


def test_a_scope_must_be_merged_to_its_end(lake: LocalLake):
    refused = pytest.raises(LakeError, match="projects was not merged to its end")
    with refused, new_snapshot(lake, "s1", None) as new, new.scope(HERE, "s1", DAYS[0]):
        pass


def test_rows_of_a_scope_that_the_manifest_does_not_explain_stop_it(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    path = lake.root / "snapshots" / "s1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scopes": []}))
    with pytest.raises(LakeError, match=rf"{HERE}: the published snapshot has rows of it in projects"):
        snapshots.publish(lake, "s2", DAYS[1], {THERE: {}})
    assert lake.entries("snapshots") == ["s1"]


@pytest.mark.parametrize("name", ["projects.parquet", "history/projects.parquet", "history/datasets.parquet"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_file_is_never_carried_on(lake: LocalLake, name: str, damage: str):
    publish(lake, "s1", DAYS[0], a="CREATED")
    path = lake.root / "snapshots" / "s1" / name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:-1] if damage == "cut" else content)
    if damage == "remove":
        path.unlink()
    with pytest.raises(LakeError, match=rf"s1: {name} is .*reklake doctor.*reklake rollback"):
        publish(lake, "s2", DAYS[1], a="DELETING")
    assert lake.entries("snapshots") == ["s1"]


def test_the_manifest_has_every_file_and_names_its_parent(lake: LocalLake):
    publish(lake, "s1", DAYS[0], a="CREATED")
    found = snapshot.current(lake)
    assert found.manifest["parent"] is None
    assert found.rows == {declared.name: int(declared.name == "projects") for declared in TABLES}
    assert {entry["rows"] for entry in found.manifest["history"].values()} == {0}
    for name, entry in found.files.items():
        assert (entry["sha256"], entry["bytes"]) == (sha256(found.path(name)), found.path(name).stat().st_size)
    publish(lake, "s2", DAYS[1], a="DELETING")
    assert snapshot.current(lake).manifest["parent"] == "s1"


def test_the_pointer_is_swapped_last(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    publish(lake, "s1", DAYS[0], a="CREATED")
    real, seen = LocalLake.point, []

    def watched(self: LocalLake, value: str, before: Pointer | None) -> None:
        found = snapshot.read(self, value)
        found.verify()
        seen.append(set(found.files))
        real(self, value, before)

    monkeypatch.setattr(LocalLake, "point", watched)
    publish(lake, "s2", DAYS[1], b="CREATED")
    names = {f"{declared.name}.parquet" for declared in TABLES}
    assert seen == [names | {f"history/{name}" for name in names}]

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError, UsageError
from pipeline.lake import LocalLake, Pointer, sha256, snapshot
from pipeline.lake.snapshot import Source
from pipeline.load.snapshot_writer import SnapshotWriter, writer
from pipeline.model import TABLES, table
from pipeline.model.page import Scope

HERE, THERE = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")


def projects(scope: Scope, **names: str) -> dict[str, pa.Table]:
    rows: list[dict[str, Any]] = [
        {
            "account_id": scope.account_id,
            "region": scope.region,
            "project_arn": f"arn:{scope.region}:{name}",
            "status": status,
        }
        for name, status in sorted(names.items())
    ]
    return {"projects": pa.Table.from_pylist(rows, table("projects").schema)}


def publish(lake: Path, name: str, *steps: Any) -> None:
    with writer(LocalLake(lake), name, snapshot.find(LocalLake(lake))) as new:
        for step in steps:
            step(new)
        new.seal(created_at="2026-01-01T00:00:00Z", software={"reklake": "0"}, run=lambda: {"run_id": name})


def instant(run: str) -> datetime:
    """Run s3 listed on the third of January."""
    return datetime(2026, 1, int(run[1:]), tzinfo=UTC)


def source(run: str) -> Source:
    return Source(run, whole=True, listed_at=instant(run))


def listed(scope: Scope, run: str, **names: str):
    def step(writer: SnapshotWriter) -> None:
        writer.add(projects(scope, **names))
        writer.listed(scope, run, instant(run))

    return step


def current(lake: Path) -> snapshot.Snapshot:
    return snapshot.current(LocalLake(lake))


def arns(lake: Path) -> dict[str, str]:
    rows = pq.read_table(current(lake).file("projects")).to_pylist()
    return {row["project_arn"]: row["status"] for row in rows}


def test_a_snapshot_is_published_with_all_its_tables_and_a_manifest(tmp_path: Path):
    publish(tmp_path, "s1", listed(HERE, "s1", a="CREATED"))
    assert (tmp_path / "CURRENT").read_text() == "s1\n"
    found = current(tmp_path)
    assert found.rows == {table.name: int(table.name == "projects") for table in TABLES}
    assert found.sources == {HERE: source("s1")}
    for one in TABLES:
        entry = found.manifest["tables"][one.name]
        assert entry["sha256"] == sha256(found.file(one.name))
        assert entry["bytes"] == found.file(one.name).stat().st_size


def test_carried_scopes_keep_rows_and_source(tmp_path: Path):
    publish(tmp_path, "s1", listed(HERE, "s1", a="CREATED"), listed(THERE, "s1", b="CREATED"))
    publish(tmp_path, "s2", lambda writer: writer.carry(HERE), listed(THERE, "s2", c="CREATED"))
    assert arns(tmp_path) == {"arn:eu-west-1:a": "CREATED", "arn:us-east-1:c": "CREATED"}
    assert current(tmp_path).sources == {
        HERE: source("s1"),
        THERE: source("s2"),
    }
    old = json.loads((tmp_path / "snapshots" / "s1" / "manifest.json").read_text())
    assert old["tables"]["projects"]["rows"] == 2


def test_rows_carried_beneath_fill_the_gaps_only(tmp_path: Path):
    def assets(*arns: str) -> dict[str, pa.Table]:
        place = {"account_id": HERE.account_id, "region": HERE.region, "data_result": "training", "stage": "input"}
        rows = [{**place, "project_version_arn": arn, "asset_index": at} for arn in arns for at in range(2)]
        return {"version_assets": pa.Table.from_pylist(rows, table("version_assets").schema)}

    def beneath(writer: SnapshotWriter) -> None:
        writer.add(assets("v1"))
        present = {"DescribeProjects": ["arn:eu-west-1:b", "arn:eu-west-1:c"], "DescribeProjectVersions": ["v1", "v2"]}
        writer.carry_beneath(HERE, {name: pa.array(arns) for name, arns in present.items()})
        writer.listed(HERE, "s2", instant("s2"), whole=False)

    publish(
        tmp_path,
        "s1",
        listed(HERE, "s1", a="CREATED", b="CREATED"),
        lambda writer: writer.add(assets("v1", "v2", "v3")),
    )
    publish(tmp_path, "s2", listed(HERE, "s2", b="DELETING", c="CREATED"), beneath)
    assert arns(tmp_path) == {"arn:eu-west-1:a": "CREATED", "arn:eu-west-1:b": "DELETING", "arn:eu-west-1:c": "CREATED"}
    kept = pq.read_table(current(tmp_path).file("version_assets")).column("project_version_arn").to_pylist()
    assert kept == ["v1", "v1", "v3", "v3"]  # v2 was seen, without assets
    assert not current(tmp_path).sources[HERE].whole
    same = arns(tmp_path)
    publish(
        tmp_path,
        "s3",
        listed(HERE, "s3", **{arn.rpartition(":")[2]: status for arn, status in same.items()}),
        lambda writer: writer.add(assets("v1", "v3")),
    )
    assert current(tmp_path).id == "s3"  # the same rows, but whole now
    assert current(tmp_path).sources[HERE].whole


def test_a_scope_that_was_never_listed_has_nothing_to_carry(tmp_path: Path):
    publish(tmp_path, "s1", lambda writer: writer.carry(HERE))
    assert current(tmp_path).sources == {}


def test_nothing_changed_leaves_the_old_snapshot(tmp_path: Path):
    publish(tmp_path, "s1", listed(HERE, "s1", a="CREATED"))
    publish(tmp_path, "s2", listed(HERE, "s2", a="CREATED"))
    assert current(tmp_path).id == "s1"
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["s1"]
    publish(tmp_path, "s3", listed(HERE, "s3", a="CREATED"), listed(THERE, "s3"))  # a scope without projects
    assert set(current(tmp_path).sources) == {HERE, THERE}


def test_a_snapshot_that_was_not_sealed_or_broke_off_is_not_there(tmp_path: Path):
    publish(tmp_path, "s1", listed(HERE, "s1", a="CREATED"))
    with writer(LocalLake(tmp_path), "s2", snapshot.find(LocalLake(tmp_path))) as new:
        new.add(projects(HERE, z="CREATED"))
    with pytest.raises(KeyError), writer(LocalLake(tmp_path), "s3", snapshot.find(LocalLake(tmp_path))) as new:
        new.add({"no such table": table("projects").schema.empty_table()})
    assert current(tmp_path).id == "s1"
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["s1"]


def test_what_is_no_lake_says_what_to_do(tmp_path: Path):
    with pytest.raises(LakeError, match=r"no such lake.*reklake sync"):
        current(tmp_path / "none")
    with pytest.raises(LakeError, match=r"holds no published snapshot.*reklake sync"):
        current(tmp_path)
    (tmp_path / "CURRENT").write_text("gone")
    with pytest.raises(LakeError, match="CURRENT names snapshot 'gone'"):
        current(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"history": []},
        {"history": {"projects": "projects.parquet"}},
        {"history": {"projects": {"file": "projects.parquet", "since": [{"region": "eu-west-1"}]}}},
        {"history": {"projects": {"file": "projects.parquet", "since": 5}}},
        {"tables": []},
        {"tables": {"projects": {}}},
        {"scopes": [{"region": "eu-west-1"}]},
        {"scopes": 5},
        {"format": "3"},
    ],
    ids=str,
)
def test_a_manifest_of_another_shape_is_named(tmp_path: Path, damage: dict[str, Any]):
    publish(tmp_path, "s1", listed(HERE, "s1"))
    path = tmp_path / "snapshots" / "s1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(LakeError, match=r"snapshot 's1', whose manifest cannot be read: it has.*reklake doctor"):
        current(tmp_path)


@pytest.mark.parametrize("manifest", ["[]", "{}", "{", "null"])
def test_a_damaged_manifest_is_named(tmp_path: Path, manifest: str):
    publish(tmp_path, "s1", listed(HERE, "s1"))
    (tmp_path / "snapshots" / "s1" / "manifest.json").write_text(manifest)
    with pytest.raises(LakeError, match="CURRENT names snapshot 's1', whose manifest cannot be read"):
        current(tmp_path)
    (tmp_path / "CURRENT").write_bytes(b"\xff\xfe")
    with pytest.raises(LakeError, match="cannot be read"):
        current(tmp_path)


def test_a_lake_of_a_newer_format_is_refused(tmp_path: Path):
    publish(tmp_path, "s1", listed(HERE, "s1"))
    manifest = tmp_path / "snapshots" / "s1" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    with pytest.raises(LakeError, match=r"newer reklake \(format 99\)"):
        current(tmp_path)


def test_what_is_there_may_keep_it_from_being_a_lake(tmp_path: Path):
    def check_usable(path: Path) -> None:
        snapshot.check_usable(LocalLake(path))

    check_usable(tmp_path / "new" / "lake")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        check_usable(tmp_path / "file")
    with pytest.raises(UsageError, match="is not a lake, but holds file and more"):
        check_usable(tmp_path)
    with pytest.raises(UsageError, match=r"has \? or"):
        check_usable(tmp_path / "what?")
    (tmp_path / "runs").mkdir()  # beside what is ours, foreign files are the user's business
    check_usable(tmp_path)


def test_the_pointer_is_swapped_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    publish(tmp_path, "s1", listed(HERE, "s1", a="CREATED"))
    real = LocalLake.point
    seen = []

    def watched(lake: LocalLake, value: str, before: Pointer | None) -> None:
        found = snapshot.read(lake, value)
        found.verify()
        seen.append(set(found.files))
        real(lake, value, before)

    monkeypatch.setattr(LocalLake, "point", watched)
    publish(tmp_path, "s2", listed(HERE, "s2", b="CREATED"))
    names = {f"{one.name}.parquet" for one in TABLES}
    assert seen == [names | {"history/projects.parquet"}]

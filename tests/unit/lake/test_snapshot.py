from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LakeError, UsageError
from pipeline.lake import LocalLake, snapshot
from pipeline.model.page import Scope
from tests import snapshots

HERE = Scope("eu-west-1", "111122223333")


def publish(lake: Path, name: str) -> None:
    snapshots.publish(LocalLake(lake), name, datetime(2026, 1, 1, tzinfo=UTC), {HERE: {}})


def current(lake: Path) -> snapshot.Snapshot:
    return snapshot.current(LocalLake(lake))


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
        {"tables": []},
        {"tables": {"projects": {}}},
        {"scopes": [{"region": "eu-west-1"}]},
        {"scopes": 5},
        {"format": "4"},
        {"declarations": {}},
    ],
    ids=str,
)
def test_a_manifest_of_another_shape_is_named(tmp_path: Path, damage: dict[str, Any]):
    publish(tmp_path, "s1")
    path = tmp_path / "snapshots" / "s1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(LakeError, match=r"snapshot 's1', whose manifest cannot be read: it has.*reklake doctor"):
        current(tmp_path)


@pytest.mark.parametrize("manifest", ["[]", "{}", "{", "null"])
def test_a_damaged_manifest_is_named(tmp_path: Path, manifest: str):
    publish(tmp_path, "s1")
    (tmp_path / "snapshots" / "s1" / "manifest.json").write_text(manifest)
    with pytest.raises(LakeError, match="CURRENT names snapshot 's1', whose manifest cannot be read"):
        current(tmp_path)
    (tmp_path / "CURRENT").write_bytes(b"\xff\xfe")
    with pytest.raises(LakeError, match="cannot be read"):
        current(tmp_path)


def test_a_lake_of_an_earlier_format_is_refused(tmp_path: Path):
    publish(tmp_path, "s1")
    manifest = tmp_path / "snapshots" / "s1" / "manifest.json"
    manifest.write_text(json.dumps({"format": 3, "tables": {}, "scopes": []}))
    with pytest.raises(LakeError, match="made by an earlier reklake: sync into a new lake"):
        current(tmp_path)


def test_a_lake_of_a_newer_format_is_refused(tmp_path: Path):
    publish(tmp_path, "s1")
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

"""Maintaining a lake by its commands: what doctor --no-aws, rollback, gc, pull, runs and changes print."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.emulator import Emulator, StaticWorld
from pipeline.jobs import sync
from pipeline.lake import LocalLake, snapshot
from pipeline.query import database
from tests.service.worlds import ACCOUNT, project, version

Run = Callable[..., subprocess.CompletedProcess[str]]
REGION = "us-east-1"


def world(**statuses: str) -> StaticWorld:
    cats = project("cats")
    return StaticWorld({(ACCOUNT, REGION): [(cats, [version(cats, name, Status=at) for name, at in statuses.items()])]})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake after three syncs: v1 trained, then ran while v2 appeared, then v2 was gone."""
    folder = tmp_path_factory.mktemp("prepared") / "lake"
    worlds = (
        world(v1="TRAINING_COMPLETED"),
        world(v1="RUNNING", v2="TRAINING_IN_PROGRESS"),
        world(v1="RUNNING"),
    )
    for state in worlds:
        with Emulator(state) as endpoint, pytest.MonkeyPatch.context() as environment:
            for name, value in endpoint.environment().items():
                environment.setenv(name, value)
            sync.sync(settings.load(lake=str(folder), environment={}, regions=[REGION], rate=1000), lambda _: None)
    return folder


@pytest.fixture
def lake(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "lake")
    prices = settings.Prices()
    found = snapshot.current(LocalLake(tmp_path / "lake"))
    # its views name files by absolute path
    database.refresh(tmp_path / "lake", snapshot=found.folder(), prices=prices)
    return tmp_path / "lake"


def rows(ran: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert ran.returncode == 0, ran.stderr
    return list(csv.DictReader(io.StringIO(ran.stdout)))


@pytest.mark.usefixtures("lake")
def test_runs_and_changes_tell_what_happened(reklake: Run):
    runs = rows(reklake("runs", "--lake", "lake", "--format", "csv"))
    assert [(run_row["kind"], run_row["outcome"], run_row["scopes"], run_row["failed"]) for run_row in runs] == [
        ("sync", "complete", "1", "0")
    ] * 3
    assert [run_row["snapshot"] for run_row in runs] == [run_row["run_id"] for run_row in runs]
    assert rows(reklake("runs", "--lake", "lake", "--format", "csv", "--count", "1")) == runs[-1:]
    (scope,) = json.loads(reklake("runs", runs[1]["run_id"], "--lake", "lake", "--format", "json").stdout)
    assert (scope["account_id"], scope["region"], scope["versions"]) == (ACCOUNT, REGION, 2)

    unknown = reklake("changes", "--lake", "lake", "--run", "none")
    assert unknown.returncode == 2
    assert "no record of run none. `reklake runs`" in unknown.stderr

    changes = rows(reklake("changes", "--lake", "lake", "--format", "csv"))
    shown = [
        (change["change"], change["version_name"], change["column_name"], change["value_after"]) for change in changes
    ]
    assert ("changed", "v1", "status", "RUNNING") in shown
    assert ("went", "v2", "", "") in shown
    second = rows(reklake("changes", "--run", runs[1]["run_id"], "--lake", "lake", "--format", "csv"))
    assert {(change["change"], change["version_name"]) for change in second} == {("changed", "v1"), ("appeared", "v2")}
    assert rows(reklake("changes", "--since", "2100-01-01", "--lake", "lake", "--format", "csv")) == []


@pytest.mark.parametrize("name", ["history/project_versions.parquet", "projects.parquet"])
def test_doctor_finds_a_damaged_file_and_rollback_leaves_it_behind(reklake: Run, lake: Path, name: str):
    well = reklake("doctor", "--no-aws", "--lake", "lake", "--format", "csv")
    assert {row["level"] for row in rows(well)} == {"ok"}
    current = (lake / "CURRENT").read_text().strip()
    path = lake / "snapshots" / current / name
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    ill = reklake("doctor", "--no-aws", "--lake", "lake", "--format", "csv")
    assert ill.returncode == 1
    (fail,) = [row for row in csv.DictReader(io.StringIO(ill.stdout)) if row["level"] == "fail"]
    assert fail == {
        "level": "fail",
        "subject": f"snapshot {current}",
        "finding": f"{name} is not as it was written",
        "remedy": "reklake rollback",
    }
    with Emulator(world(v1="STOPPED")) as endpoint:
        refused = reklake("sync", "--quiet", "--lake", "lake", "--region", REGION, **endpoint.environment())
        assert refused.returncode == 1
        assert "reklake rollback" in refused.stderr
        unknown = reklake("rollback", "2020", "--lake", "lake")
        assert unknown.returncode == 2
        assert "there is no snapshot 2020. Newest first: 20" in unknown.stderr
        back = reklake("rollback", "--lake", "lake")
        assert back.returncode == 0, back.stderr
        assert (lake / "CURRENT").read_text().strip() in back.stdout
        assert (lake / "CURRENT").read_text().strip() < current
        again = reklake("sync", "--quiet", "--lake", "lake", "--region", REGION, **endpoint.environment())
        assert again.returncode == 0, again.stderr
    found = rows(
        reklake("sql", "--lake", "lake", "--format", "csv", "select version_name, status from project_versions")
    )
    assert found == [{"version_name": "v1", "status": "STOPPED"}]
    assert [row["kind"] for row in rows(reklake("runs", "--lake", "lake", "--format", "csv"))][-3:] == [
        "sync",
        "rollback",
        "sync",
    ]


@pytest.mark.parametrize("content", ["20200101T000000Z-000000\n", "", "../..\n", "\udcff\udcfe"])
def test_a_pointer_that_names_nothing_is_fixed_by_rollback(reklake: Run, lake: Path, content: str):
    newest = (lake / "CURRENT").read_text().strip()
    (lake / "CURRENT").write_bytes(content.encode("utf-8", "surrogateescape"))
    for command in (["sql", "select 1"], ["check"], ["gc"], ["verify"]):
        ran = reklake(*command, "--lake", "lake")
        assert ran.returncode == 1
        assert "reklake rollback" in ran.stderr
        assert "Traceback" not in ran.stderr
    assert reklake("doctor", "--no-aws", "--lake", "lake").returncode == 1
    assert reklake("rollback", "--lake", "lake").returncode == 0
    assert (lake / "CURRENT").read_text().strip() <= newest
    assert reklake("doctor", "--no-aws", "--lake", "lake").returncode == 0


def test_gc_lists_first_and_removes_when_told(reklake: Run, lake: Path):
    snapshots = sorted(path.name for path in (lake / "snapshots").iterdir())
    assert rows(reklake("gc", "--lake", "lake", "--format", "csv")) == []
    dry = reklake("gc", "--lake", "lake", "--keep", "1", "--older-than", "0d", "--format", "csv")
    assert [row["name"] for row in rows(dry)][:2] == [f"snapshots/{row}" for row in snapshots[:2]]
    assert "Nothing was deleted yet: give --delete" in dry.stderr
    assert len(list((lake / "snapshots").iterdir())) == 3
    wet = reklake("gc", "--lake", "lake", "--keep", "1", "--older-than", "0d", "--delete")
    assert wet.returncode == 0, wet.stderr
    assert [path.name for path in (lake / "snapshots").iterdir()] == snapshots[2:]
    assert reklake("verify", "--lake", "lake").returncode == 0
    assert reklake("check", "--lake", "lake").returncode == 0
    assert reklake("gc", "--keep", "0", "--lake", "lake").returncode == 2
    assert "--older-than soon" in reklake("gc", "--older-than", "soon", "--lake", "lake").stderr


def test_pull_makes_a_lake_that_can_be_queried(reklake: Run, lake: Path, tmp_path: Path):
    first = min(path.name for path in (lake / "snapshots").iterdir())
    assert reklake("pull", "copy", "--snapshot", first, "--lake", "lake").returncode == 0
    count = ["sql", "--lake", "copy", "--format", "csv", "select status from project_versions"]
    assert rows(reklake(*count)) == [{"status": "TRAINING_COMPLETED"}]
    pulled = reklake("pull", "copy", "--lake", "lake")
    assert "project_versions 1" in pulled.stdout
    assert rows(reklake(*count)) == [{"status": "RUNNING"}]
    assert len(list((tmp_path / "copy" / "snapshots").iterdir())) == 2
    assert (tmp_path / "copy" / "lake.duckdb").exists()
    (current,) = [path for path in (tmp_path / "copy" / "snapshots").iterdir() if path.name != first]
    (current / "manifest.json").write_text("{")
    assert "project_versions 1" in reklake("pull", "copy", "--lake", "lake").stdout  # a damaged copy is made anew
    assert len(rows(reklake("runs", "--lake", "copy", "--format", "csv"))) == 3
    refused = reklake("pull", "lake", "--lake", "copy")
    assert refused.returncode == 2
    assert "a lake that syncs write to" in refused.stderr


@pytest.mark.parametrize("command", [["rollback"], ["gc"], ["gc", "--delete"], ["pull", "copy"], ["changes"]])
def test_where_there_is_no_lake_none_is_made(reklake: Run, tmp_path: Path, command: list[str]):
    ran = reklake(*command, "--lake", "none")
    assert ran.returncode == 1
    assert ran.stderr.startswith("reklake: error: none: ")
    assert not (tmp_path / "none").exists()

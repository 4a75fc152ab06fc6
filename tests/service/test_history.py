"""Runs over months in a minute: regions that fail in turn, and the lake against a model in plain Python."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline import landing, settings
from pipeline.emulator import Fault, StaticWorld
from pipeline.jobs import replay
from pipeline.jobs.rollback import rollback
from pipeline.lake import LocalLake, run_log, snapshot
from pipeline.lake.run_record import Outcome
from pipeline.model import TABLES
from pipeline.query import checks, database
from pipeline.settings import Prices
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, project, rows, version, world
from tests.snapshots import states_of

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")
STATUSES = ("TRAINING_IN_PROGRESS", "TRAINING_COMPLETED", "STARTING", "RUNNING", "STOPPED")
Projects = dict[str, dict[str, str]]
"""Versions of a region's projects, each with its status."""


def drift(projects: Projects, dice: random.Random) -> Projects:
    """Let a little happen: versions come, change, go and come back."""
    after = {name: dict(versions) for name, versions in projects.items()}
    for name in ("one", "two", "three"):
        versions = after.setdefault(name, {})
        for number in range(4):
            match dice.randrange(8):
                case 0:
                    versions.pop(f"v{number}", None)
                case 1 | 2:
                    versions[f"v{number}"] = dice.choice(STATUSES)
        if not dice.randrange(6):
            del after[name]
    return after


def served_world(regions: dict[str, Projects]) -> StaticWorld:
    listed: dict[tuple[str, str], Any] = {}
    for region, projects in regions.items():
        listed[ACCOUNT, region] = []
        for name, versions in projects.items():
            one = project(name, region=region)
            listed[ACCOUNT, region].append((one, [version(one, at, Status=status) for at, status in versions.items()]))
    return StaticWorld(listed)


def arns(region: str, projects: Projects) -> dict[str, str]:
    """Each version's status by ARN."""
    return {
        version(project(name, region=region), at)["ProjectVersionArn"]: status
        for name, versions in projects.items()
        for at, status in versions.items()
    }


def told(lake: Path, table: str = "project_versions") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = states_of(snapshot.current(LocalLake(lake)), table).to_pylist()
    return found


def failing_checks(lake: Path) -> list[str]:
    folder = snapshot.current(LocalLake(lake)).folder()
    with database.connect(lake, snapshot=folder, prices=Prices()) as con:
        return [one.name for one in checks.run(con) if one.severity == "error" and not one.passed]


class Model:
    """What the lake must show of each region, and every state that it has shown."""

    def __init__(self) -> None:
        self.shown: dict[str, dict[str, str]] = {region: {} for region in REGIONS}
        self.states: list[dict[str, Any]] = []

    def see(self, region: str, after: dict[str, str], at: str | None) -> None:
        before, self.shown[region] = self.shown[region], after
        for state in self.states:
            arn = state["arn"]
            if state["valid_to"] is None and arn in before and after.get(arn) != state["status"]:
                state["valid_to"] = at
        self.states += [
            {"arn": arn, "status": status, "valid_from": at, "valid_to": None}
            for arn, status in after.items()
            if before.get(arn) != status
        ]

    def check(self, lake: Path) -> None:
        current = {row["project_version_arn"]: row["status"] for row in rows(lake, "project_versions")}
        assert current == {arn: status for shown in self.shown.values() for arn, status in shown.items()}
        names = ("project_version_arn", "status", "valid_from", "valid_to")
        history = sorted((*(text(one[name]) for name in names),) for one in told(lake))
        assert history == sorted(tuple(text(value) for value in state.values()) for state in self.states)


def denied(region: str | None, projects: Projects) -> list[Fault]:
    """Let the region fail in the middle of its listing, or at its beginning where it has no middle."""
    if region is None:
        return []
    return [Fault("access_denied", region=region, operation="DescribeProjectVersions" if projects else None)]


def test_regions_that_fail_in_turn_leave_the_lake_as_the_model_says(serve: Serve, tmp_path: Path):
    dice = random.Random(1)
    lake = tmp_path / "lake"
    real: dict[str, Projects] = {region: {} for region in REGIONS}
    model = Model()
    for number in range(8):
        real = {region: drift(projects, dice) for region, projects in real.items()}
        failing = (*REGIONS, None)[number % 4]
        faults = denied(failing, real[failing] if failing else {})
        result = serve(served_world(real), lake=lake, faults=faults).sync(regions=list(REGIONS))
        failed = [scope.region for scope in result.record.scopes if scope.outcome is Outcome.FAILED]
        assert failed == ([failing] if failing else [])
        for scope in result.record.scopes:
            if scope.region != failing:
                model.see(scope.region, arns(scope.region, real[scope.region]), scope.listed_at)
        model.check(lake)
    assert failing_checks(lake) == []

    rebuilt = tmp_path / "rebuilt"
    shutil.copytree(lake / "raw", rebuilt / "raw")
    chosen = settings.load(lake=str(rebuilt), environment={})
    for one in replay.replayable(chosen):
        replay.replay(chosen, one, lambda _: None)
    manifests = [snapshot.current(LocalLake(one)).manifest for one in (lake, rebuilt)]
    for detail in ("tables", "history"):
        assert manifests[0][detail] == manifests[1][detail], detail
    assert failing_checks(rebuilt) == []


def text(value: Any) -> str:
    return (
        value.isoformat(timespec="microseconds").replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
    )


def test_nothing_changed_means_no_snapshot_and_no_interval(serve: Serve):
    served = serve(world(cats=3))
    first = served.sync()
    before = told(served.lake)
    second = served.sync()
    assert (first.is_published, second.is_published) == (True, False)
    assert LocalLake(served.lake).entries("snapshots") == [first.record.run_id]
    assert told(served.lake) == before
    records = run_log.newest_first(LocalLake(served.lake))
    assert [one["snapshot"] for one in records] == [first.record.run_id] * 2


def test_a_version_that_comes_back_has_a_new_interval(serve: Serve):
    lake = serve(world(cats=3)).lake
    for count in (3, 2, 3):
        serve(world(cats=count), lake=lake).sync()
    last = [one for one in told(lake) if one["version_name"] == "v0002"]
    assert [one["valid_to"] is None for one in last] == [False, True]
    assert last[0]["valid_to"] < last[1]["valid_from"]


def test_what_a_page_that_is_partly_unreadable_changed_is_history_too(serve: Serve):
    lake = serve(world(cats=2)).lake
    served = serve(world(cats=2), lake=lake)
    served.sync()
    cat = version(project("cats"), "v0000", Status="RUNNING")
    body = json.dumps({"ProjectVersionDescriptions": [cat, {"Status": "RUNNING"}]}).encode()
    result = serve(world(cats=2), lake=lake, faults=[Fault("raw_body", project="cats", body=body)]).sync()
    assert result.record.outcome is Outcome.PARTIAL
    assert [one["status"] for one in told(lake)] == ["TRAINING_COMPLETED", "RUNNING", "TRAINING_COMPLETED"]
    assert failing_checks(lake) == []


def test_a_clock_that_went_back_is_no_gap_in_the_history(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    lake = serve(world(cats=2)).lake
    serve(world(cats=2), lake=lake).sync()
    real = landing.scope_file

    def earlier(*of: Any) -> landing.LandedScope:
        return replace(real(*of), listed_at=datetime(2020, 1, 1, tzinfo=UTC))

    monkeypatch.setattr(landing, "scope_file", earlier)
    result = serve(world(cats=3), lake=lake).sync()
    assert len(told(lake)) == 3
    assert text(told(lake)[-1]["valid_from"]) == result.record.scopes[0].listed_at
    assert failing_checks(lake) == []


def test_after_a_rollback_the_next_sync_goes_on_from_there(serve: Serve):
    lake = serve(world(cats=2)).lake
    ids = [serve(world(cats=count), lake=lake).sync().record.run_id for count in (2, 4, 5)]
    chosen = settings.load(lake=str(lake), environment={})
    assert rollback(chosen, None).record.snapshot == ids[1]
    assert len(rows(lake, "project_versions")) == 4
    assert rollback(chosen, ids[0]).record.snapshot == ids[0]
    assert len(told(lake)) == 2
    assert failing_checks(lake) == []
    again = serve(world(cats=5), lake=lake).sync()
    assert again.is_published
    assert snapshot.current(LocalLake(lake)).manifest["parent"] == ids[0]
    assert len(told(lake)) == 5
    assert failing_checks(lake) == []
    assert set(LocalLake(lake).entries("snapshots")) == {*ids, again.record.run_id}


def test_every_table_keeps_its_history(serve: Serve):
    lake = serve(StaticWorld({})).lake
    one = project(
        "one", Datasets=[{"DatasetArn": "arn:aws:rekognition:us-east-1:1:dataset/a", "Status": "CREATE_IN_PROGRESS"}]
    )
    assets = {"TrainingDataResult": {"Input": {"Assets": [{"GroundTruthManifest": {"S3Object": {"Bucket": "b"}}}]}}}
    serve(StaticWorld({(ACCOUNT, "us-east-1"): [(one, [version(one, "v1", **assets)])]}), lake=lake).sync()
    two = one | {"Status": "DELETING", "Datasets": []}
    serve(StaticWorld({(ACCOUNT, "us-east-1"): [(two, [version(two, "v1", Status="DELETING")])]}), lake=lake).sync()
    counted = {table.name: [row["valid_to"] is None for row in told(lake, table.name)] for table in TABLES}
    assert counted == {
        "projects": [False, True],
        "datasets": [False],
        "project_versions": [False, True],
        "version_assets": [False],
        "dataset_statistics": [],
        "resource_tags": [],
        "project_policies": [],
    }

"""Details in the lake: which rows they bring, which stay without them, and where each came from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import landing
from pipeline.jobs import gc
from pipeline.jobs.replay import replay
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome, ScopeRecord
from pipeline.lake.snapshot import DetailSource
from pipeline.model.operations import DETAILS, RESULT_KEYS
from pipeline.model.page import RawPage, Scope
from pipeline.query import checks, database
from pipeline.settings import Prices, Retention, Settings
from tests.snapshots import states_of

pytestmark = pytest.mark.usefixtures("unchecked")

SCOPE = Scope("us-east-1", "111122223333")
OLD = datetime(2026, 1, 1, tzinfo=UTC)
NEW_TABLES = ("dataset_statistics", "resource_tags", "project_policies")


def arn(name: str) -> str:
    return f"arn:aws:rekognition:us-east-1:111122223333:project/{name}/1"


class World:
    """Projects with a dataset and versions each, and what a detail says of each resource; landed as a sync would."""

    def __init__(self, lake: Path) -> None:
        self.lake = LocalLake(lake)
        self.projects: dict[str, list[str]] = {"cats": ["v1", "v2"], "dogs": ["v1"]}
        self.entries = 4
        self.tags: dict[str, Any] = {
            "cats": {"team": "a"},
            "cats/version/v1": {"team": "a"},
            "dogs/version/v1": {"k": "v"},
        }
        self.policies: dict[str, list[str]] = {"cats": ["share", "other"]}
        self.odd: dict[tuple[str, str], bytes] = {}
        """Bodies in place of the usual ones, by operation and ARN."""
        self.gone: set[tuple[str, str]] = set()
        self.listed = 0

    def page(self, operation: str, project: str, result: Any, resource: str = "", number: int = 1) -> RawPage:
        at = OLD + timedelta(days=self.listed, seconds=number)
        asked = operation, resource or project
        body = self.odd.get(asked) or json.dumps({RESULT_KEYS[operation]: result}).encode()
        status = 400 if asked in self.gone else 200
        return RawPage(operation, project, 1, number, status, at, "id", body, resource)

    def pages(self, details: set[str]) -> Any:
        yield self.page("DescribeProjects", "", [self.project(name) for name in self.projects])
        for name, versions in self.projects.items():
            described = [
                {"ProjectVersionArn": arn(f"{name}/version/{version}"), "Status": "RUNNING"} for version in versions
            ]
            yield self.page("DescribeProjectVersions", arn(name), described)
        for name, versions in self.projects.items():
            if "datasets" in details:
                stats = {"DatasetStats": {"TotalEntries": self.entries, "LabeledEntries": 1}}
                yield self.page(DETAILS["datasets"], arn(name), stats, arn(f"{name}/dataset/train"))
            for resource in (name, *(f"{name}/version/{version}" for version in versions)):
                if "tags" in details:
                    yield self.page(DETAILS["tags"], arn(name), self.tags.get(resource, {}), arn(resource))
            for number, policy in enumerate(self.policies.get(name, []), 1):
                if "policies" in details:
                    described = [{"ProjectArn": arn(name), "PolicyName": policy, "PolicyDocument": "{}"}]
                    yield self.page(DETAILS["policies"], arn(name), described, arn(name), number)

    def project(self, name: str) -> dict[str, Any]:
        datasets = [{"DatasetArn": arn(f"{name}/dataset/train"), "DatasetType": "TRAIN"}]
        return {"ProjectArn": arn(name), "Status": "CREATED", "Datasets": datasets}

    def land(self, *details: str, landed: set[str] | None = None) -> str:
        """Land a listing with those details whole; `landed` are the details of which there are pages at all."""
        self.listed += 1
        run_id = f"202601{self.listed:02}T000000Z-{self.listed:08}"
        with landing.land(self.lake, run_id, SCOPE) as writer:
            for page in self.pages(set(details) if landed is None else landed):
                writer.add(page)
            writer.details.update(details)
        return run_id

    def publish(self, *details: str, landed: set[str] | None = None) -> ScopeRecord:
        (record,) = self.replay(self.land(*details, landed=landed)).record.scopes
        return record

    def replay(self, run_id: str) -> Any:
        return replay(Settings(str(self.lake.root)), run_id, lambda _: None)

    @property
    def current(self) -> snapshot.Snapshot:
        return snapshot.current(self.lake)

    def rows(self, table: str, *columns: str, history: bool = False) -> list[Any]:
        found = (states_of(self.current, table) if history else pq.read_table(self.current.file(table))).to_pylist()
        return [tuple(short(row[name]) for name in columns) for row in found]

    def shown(self) -> dict[str, list[Any]]:
        return {
            "dataset_statistics": self.rows("dataset_statistics", "dataset_arn", "total_entries"),
            "resource_tags": self.rows("resource_tags", "resource_arn", "tag_key", "tag_value"),
            "project_policies": self.rows("project_policies", "project_arn", "policy_name"),
        }

    def source(self, detail: str) -> DetailSource:
        return self.current.sources[SCOPE].details[detail]

    def is_sound(self) -> bool:
        """Whether the lake agrees with its pages, and passes every check that finds errors."""
        assert verify(self.lake).differences == []
        with database.connect(self.lake.root, snapshot=self.current.folder(), prices=Prices()) as con:
            failed = [result.name for result in checks.run(con) if result.severity == "error" and not result.passed]
        assert failed == []
        return True


def short(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix("arn:aws:rekognition:us-east-1:111122223333:project/").removesuffix("/1")
    return (value - OLD).days if isinstance(value, datetime) else value


ALL = {
    "dataset_statistics": [("cats/dataset/train", 4), ("dogs/dataset/train", 4)],
    "resource_tags": [("cats", "team", "a"), ("cats/version/v1", "team", "a"), ("dogs/version/v1", "k", "v")],
    "project_policies": [("cats", "other"), ("cats", "share")],
}
NONE: dict[str, list[Any]] = {name: [] for name in NEW_TABLES}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "lake")


def test_details_that_were_asked_to_their_end_bring_rows_and_others_none(world: World):
    record = world.publish("datasets", landed=set(DETAILS))
    assert record.outcome is Outcome.COMPLETE
    assert [(detail.detail, detail.outcome) for detail in record.details] == [("datasets", Outcome.COMPLETE)]
    assert world.shown() == NONE | {"dataset_statistics": ALL["dataset_statistics"]}
    assert set(world.current.sources[SCOPE].details) == {"datasets"}
    assert world.is_sound()
    world.publish(*DETAILS)
    assert world.shown() == ALL
    assert world.is_sound()


def test_what_is_about_a_resource_that_is_not_in_the_listing_is_no_row(world: World):
    world.gone = {(DETAILS["datasets"], arn("cats/dataset/train")), ("DescribeProjectVersions", arn("dogs"))}
    world.publish(*DETAILS)
    assert world.shown() == {
        "dataset_statistics": [],
        "resource_tags": ALL["resource_tags"][:2],
        "project_policies": ALL["project_policies"],
    }
    assert world.is_sound()


def test_a_detail_that_was_not_asked_keeps_its_rows_and_where_they_came_from(world: World):
    first = world.land(*DETAILS)
    world.replay(first)
    world.entries, world.tags, world.policies = 9, {}, {}
    world.projects["cats"].append("v3")
    world.publish("datasets", landed={"datasets", "tags"})
    assert world.shown() == ALL | {"dataset_statistics": [("cats/dataset/train", 9), ("dogs/dataset/train", 9)]}
    assert world.source("tags") == DetailSource(first, OLD + timedelta(days=1, seconds=2))
    assert world.source("datasets").run_id == "20260102T000000Z-00000002"
    assert world.is_sound()
    (entry,) = world.current.manifest["scopes"]
    assert entry["details"]["policies"] == {"run_id": first, "listed_at": "2026-01-02T00:00:02.000000Z", "whole": True}


def test_rows_about_what_has_gone_end_with_it(world: World):
    world.publish(*DETAILS)
    world.projects = {"cats": ["v2"]}
    world.publish()
    assert world.shown() == {
        "dataset_statistics": [("cats/dataset/train", 4)],
        "resource_tags": [("cats", "team", "a")],
        "project_policies": ALL["project_policies"],
    }
    assert [world.source(detail).whole for detail in DETAILS] == [False, False, True]
    assert world.rows("resource_tags", "resource_arn", "valid_from", "valid_to", history=True) == [
        ("cats", 1, None),
        ("cats/version/v1", 1, 2),
        ("dogs/version/v1", 1, 2),
    ]
    assert world.is_sound()
    world.projects = {"cats": ["v1", "v2"]}  # what comes back is not asked about, so that its tags are not known
    world.publish()
    assert world.rows("resource_tags", "resource_arn") == [("cats",)]
    assert world.is_sound()
    world.publish("tags")
    assert world.rows("resource_tags", "resource_arn") == [("cats",), ("cats/version/v1",)]
    assert world.source("tags").whole
    assert world.is_sound()


def test_a_failed_scope_carries_everything(world: World):
    world.publish(*DETAILS)
    before = world.current.sources
    run_id = world.land()
    (lake_file,) = (world.lake.root / "raw" / run_id).iterdir()
    table = pq.read_table(lake_file)
    pq.write_table(table.replace_schema_metadata({"reklake.outcome": "failed"}), lake_file)
    assert world.replay(run_id).record.outcome is Outcome.FAILED
    assert world.current.sources == before
    assert world.shown() == ALL


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"Tags":[]}', b'{"Tags":{"\\ud800":"x"}}'])
def test_a_detail_with_a_bad_page_fails_alone_and_keeps_its_last_rows(world: World, body: bytes):
    world.publish(*DETAILS)
    world.entries = 5
    world.tags["cats"] = {"team": "b"}
    world.odd[DETAILS["tags"], arn("cats/version/v2")] = body
    world.odd[DETAILS["tags"], arn("dogs")] = body
    record = world.publish(*DETAILS)
    assert (record.outcome, record.error) == (Outcome.COMPLETE, None)
    (detail,) = (found for found in record.details if found.outcome is not Outcome.COMPLETE)
    assert (detail.detail, detail.outcome, detail.error_kind) == ("tags", Outcome.FAILED, "bad_answer")
    assert "ListTagsForResource page 1" in str(detail.error)
    assert str(detail.error).endswith("And 1 more like it.")
    assert world.shown() == ALL | {"dataset_statistics": [("cats/dataset/train", 5), ("dogs/dataset/train", 5)]}
    assert world.source("tags").run_id == "20260101T000000Z-00000001"
    assert world.is_sound()


def test_a_detail_that_fails_the_first_time_has_no_rows(world: World):
    world.odd[DETAILS["policies"], arn("cats")] = b"[]"
    world.publish(*DETAILS)
    assert world.shown() == ALL | {"project_policies": []}
    assert "policies" not in world.current.sources[SCOPE].details
    assert world.is_sound()


@pytest.mark.parametrize("details", [(), tuple(DETAILS)])
def test_descriptions_that_could_not_be_read_keep_their_details_rows(world: World, details: tuple[str, ...]):
    world.publish(*DETAILS)
    described = {"ProjectVersionDescriptions": [{"ProjectVersionArn": arn("cats/version/v2")}, {"Status": "RUNNING"}]}
    world.odd["DescribeProjectVersions", arn("cats")] = json.dumps(described).encode()
    record = world.publish(*details)
    assert (record.outcome, record.error_kind) == (Outcome.FAILED, "bad_answer")
    assert {detail.detail: detail.outcome for detail in record.details} == dict.fromkeys(details, Outcome.COMPLETE)
    assert world.shown() == ALL
    assert {world.source(detail).whole for detail in DETAILS} == {not details}
    assert verify(world.lake).differences != []  # of the page that could not be read
    del world.odd["DescribeProjectVersions", arn("cats")]
    world.publish()
    assert world.is_sound()


def test_projects_that_could_not_be_read_take_nothing_with_them(world: World):
    world.publish(*DETAILS)
    world.odd["DescribeProjects", ""] = json.dumps({"ProjectDescriptions": [{"Status": "CREATED"}]}).encode()
    record = world.publish()
    assert record.outcome is Outcome.FAILED
    assert world.shown() == ALL


def test_nothing_changed_means_no_snapshot_whatever_was_asked(world: World):
    world.publish(*DETAILS)
    first = world.current.id
    for details in (("datasets",), (), tuple(DETAILS)):
        world.publish(*details)
        assert world.current.id == first
    world.tags["cats"] = {"team": "b"}
    world.publish("datasets", "policies")
    assert world.current.id == first
    world.publish("tags")
    assert world.current.id != first
    assert world.rows("resource_tags", "resource_arn", "tag_value", "valid_from", "valid_to", history=True)[:2] == [
        ("cats", "a", 1, 6),
        ("cats", "b", 6, None),
    ]
    assert world.is_sound()


def test_a_lake_of_an_older_version_gets_the_tables_and_their_history_begins_there(world: World):
    world.publish()
    found = world.current
    folder = world.lake.root / "snapshots" / found.id
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in NEW_TABLES:
        for kind in ("tables", "history"):
            (folder / manifest[kind].pop(name)["file"]).unlink()
    for scope in manifest["scopes"]:
        scope["details"] = {}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert world.is_sound()
    world.publish("tags")
    assert world.current.id != found.id
    assert world.shown() == NONE | {"resource_tags": ALL["resource_tags"]}
    assert {row[0] for row in world.rows("resource_tags", "valid_from", history=True)} == {2}
    assert {row[0] for row in world.rows("projects", "valid_from", history=True)} == {1}
    assert world.is_sound()


def test_verify_finds_what_was_changed_lost_and_made_up_in_details(world: World):
    world.publish(*DETAILS)
    world.projects["cats"].append("v3")
    world.publish()
    path = world.current.file("resource_tags")
    table = pq.read_table(path)
    changed, _, lost = table.to_pylist()
    rows = [changed | {"tag_value": "z"}, changed | {"tag_key": "made up"}, lost | {"tag_key": "l"}]
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    found = sorted(verify(world.lake).differences)
    assert len(found) == 5
    assert sum("is not in the tables" in difference for difference in found) == 2
    assert sum("is in the tables, but on no page" in difference for difference in found) == 2
    assert sum('value is "a" on the page and "z" in the tables' in difference for difference in found) == 1
    assert all(SCOPE.account_id in difference for difference in found)


def test_rows_of_a_detail_that_was_never_asked_are_made_up(world: World):
    world.publish("tags")
    manifest = world.lake.root / "snapshots" / world.current.id / "manifest.json"
    document = json.loads(manifest.read_text())
    document["scopes"][0]["details"] = {}
    manifest.write_text(json.dumps(document))
    assert len(verify(world.lake).differences) == 3


def test_gc_keeps_the_pages_that_a_details_rows_came_on(world: World):
    first = world.land("tags")
    world.replay(first)
    for number in range(3):
        world.projects["cats"].append(f"w{number}")
        world.publish("datasets")
    keep = Retention(snapshots=1, snapshot_days=0, raw_days=0)
    gone = {
        removal.name for removal in gc.collect_garbage(Settings(str(world.lake.root), retention=keep), is_dry=False)
    }
    assert {name for name in gone if name.startswith("raw/")} == {
        "raw/20260102T000000Z-00000002",
        "raw/20260103T000000Z-00000003",
    }
    assert verify(world.lake).differences == []

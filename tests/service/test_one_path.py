"""However a lake came to its rows, it is the one that a first sync of the same world makes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.emulator import Dataset, Fault, StaticWorld
from pipeline.jobs import add_scope
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, REGION, names, project, version, version_names, world

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
Listed = list[tuple[dict[str, Any], list[dict[str, Any]]]]
VERSIONS = "DescribeProjectVersions"


def manifest(lake: Path, *details: str) -> dict[str, Any]:
    found = snapshot.current(LocalLake(lake)).manifest
    return {detail: {name: entry["sha256"] for name, entry in found[detail].items()} for detail in details}


def listed_of(listed: Listed) -> StaticWorld:
    return StaticWorld({(ACCOUNT, REGION): listed})


def with_assets(of: dict[str, Any], name: str, **members: Any) -> dict[str, Any]:
    asset = {"GroundTruthManifest": {"S3Object": {"Bucket": "b", "Name": f"{name}.manifest"}}}
    return version(of, name, TrainingDataResult={"Input": {"Assets": [asset, asset]}}, **members)


def changed_at_random(listed: Listed, rng: random.Random) -> Listed:
    """Versions that change, go and come, projects that go and come, datasets that change."""
    after: Listed = []
    for one, versions in listed:
        if rng.random() < 0.1:
            continue
        of = {**one, "Status": rng.choice(["CREATED", "CREATING"])} if rng.random() < 0.2 else one
        kept = []
        for each in versions:
            chance = rng.random()
            if chance < 0.03:
                kept.append({**each, "Status": rng.choice(["RUNNING", "STOPPED"])})
            elif chance < 0.04:
                kept.append({name: value for name, value in each.items() if name != "TrainingDataResult"})
            elif chance > 0.02 * rng.random():
                kept.append(each)
        added = [with_assets(of, f"new-{rng.randrange(10**9)}") for _ in range(rng.choice([0, 0, 1, 7, 120]))]
        after.append((of, [*added, *kept]))
    for number in range(rng.randrange(3)):
        one = project(f"{rng.choice('amz')}-new-{number}-{rng.randrange(10**6)}")
        after.append((one, [with_assets(one, name) for name in names(rng.choice([0, 1, 150]))]))
    return after


def listed_at_random(rng: random.Random) -> Listed:
    listed: Listed = []
    for number in range(12):
        one = project(f"p{number:02}-{rng.randrange(10**6)}", Datasets=[])
        count = rng.choice([0, 1, 5, 99, 100, 101, 320])
        listed.append((one, [with_assets(one, name) for name in names(count)]))
    return listed


@pytest.mark.parametrize("seed", range(6))
def test_a_lake_of_many_syncs_has_the_tables_of_a_new_one(serve: Serve, seed: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(add_scope, "BATCH_PAGES", [20, 1, 3][seed % 3])
    rng = random.Random(seed)
    listed = listed_at_random(rng)
    served = serve(listed_of(listed))
    served.sync()
    for _ in range(3):
        listed = changed_at_random(listed, rng)
        again = serve(listed_of(listed), lake=served.lake).sync()
        assert again.record.outcome is Outcome.COMPLETE
        fresh = serve(listed_of(listed))
        (one,), (other,) = again.record.scopes, fresh.sync().record.scopes
        assert manifest(served.lake, "tables") == manifest(fresh.lake, "tables")
        assert (one.projects, one.versions, one.unknown_members) == (
            other.projects,
            other.versions,
            other.unknown_members,
        )
        assert verify(LocalLake(served.lake)).differences == []


def test_undeclared_members_are_counted_as_if_all_had_been_read(serve: Serve):
    arn = "arn:aws:rekognition:us-east-1:111122223333:project/a/dataset/train/1"
    one = project("a", Odd=1, Datasets=[{"DatasetArn": arn, "DatasetType": "TRAIN", "Status": "CREATE_COMPLETE"}])

    def listed(described: list[dict[str, Any]]) -> StaticWorld:
        return StaticWorld(
            {(ACCOUNT, REGION): [(one, described)]}, datasets={arn: Dataset({"Status": "OK", "Odd": {}})}
        )

    described = [version(one, name, Odd=[1], Odder={}) for name in names(120)]
    served = serve(listed(described))
    served.sync()
    for odd in ({"Oddest": 1}, {}, {"Oddest": 2}):  # the second changes nothing: it is carried
        described[3] = version(one, "v0003")
        described[4] |= odd
        (told,) = serve(listed(described), lake=served.lake).sync().record.scopes
        (fresh,) = serve(listed(described)).sync().record.scopes
        assert told.unknown_members == fresh.unknown_members == 1 + 1 + 119 * 2 + 1
        assert [detail.unknown_members for detail in told.details] == [1]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("expired_token", operation=VERSIONS, project="b", page=2),
        Fault("vanished", operation=VERSIONS, project="b", page=1),
        Fault("repeat_item", operation=VERSIONS, project="b", page=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_what_happened_while_it_was_listed_is_as_in_a_new_lake(serve: Serve, fault: Fault):
    served = serve(world(a=120, b=250, c=3))
    served.sync()
    again = serve(world(a=121, b=250, c=3), lake=served.lake, faults=[fault])
    assert again.sync().record.outcome is Outcome.COMPLETE
    fresh = serve(world(a=121, b=250, c=3), faults=[fault])
    fresh.sync()
    assert manifest(served.lake, "tables") == manifest(fresh.lake, "tables")


def test_a_version_that_stood_on_two_pages_is_not_lost_with_one_of_them(serve: Serve):
    served = serve(world(b=250), faults=[Fault("repeat_item", operation=VERSIONS, project="b", page=2)])
    served.sync()
    serve(world(b=251), lake=served.lake).sync()
    assert version_names(served.lake) == {"b": names(251)}


def test_a_listing_that_breaks_off_changes_nothing(serve: Serve):
    served = serve(world(a=3, b=120))
    served.sync()
    before = manifest(served.lake, "tables")
    denied = Fault("access_denied", operation=VERSIONS, project="b", page=2)
    assert serve(world(a=4, b=120), lake=served.lake, faults=[denied]).sync().record.outcome is Outcome.FAILED
    assert manifest(served.lake, "tables") == before


def test_what_cannot_be_read_keeps_its_last_rows(serve: Serve):
    served = serve(world(a=3, b=120))
    served.sync()
    odd = Fault("raw_body", operation=VERSIONS, project="a", body=b'{"ProjectVersionDescriptions": [{"Status": "x"}]}')
    again = serve(world(a=4, b=120), lake=served.lake, faults=[odd]).sync()
    assert again.record.outcome is Outcome.PARTIAL
    assert version_names(served.lake) == {"a": names(3), "b": names(120)}


def test_damaged_pages_before_are_no_hindrance(serve: Serve):
    served = serve(world(a=3, b=120))
    served.sync()
    (path,) = (served.lake / "raw").rglob("*.parquet")
    content = bytearray(path.read_bytes())
    content[8:400] = bytes(392)
    path.write_bytes(content)
    serve(world(a=4, b=121), lake=served.lake).sync()
    assert version_names(served.lake) == {"a": names(4), "b": names(121)}


def test_a_detail_that_is_asked_for_the_first_time_is_asked_of_all_that_is_there(serve: Serve):
    def tagged(count: int) -> StaticWorld:
        one = project("a")
        described = [version(one, name) for name in names(count)]
        tags = {each["ProjectVersionArn"]: {"name": each["ProjectVersionArn"][-20:]} for each in described}
        return StaticWorld({(ACCOUNT, REGION): [(one, described)]}, resource_tags=tags)

    served = serve(tagged(120))
    served.sync()
    for count, details in ((120, ["tags"]), (119, ["tags"]), (121, ["tags"]), (122, []), (122, ["tags"])):
        serve(tagged(count), lake=served.lake).sync(details=details)
        if details:
            fresh = serve(tagged(count))
            fresh.sync(details=details)
            assert manifest(served.lake, "tables") == manifest(fresh.lake, "tables")


def test_pages_that_the_lenient_reader_read_are_followed_by_others(serve: Serve):
    one = project("a")
    half = Fault(
        "raw_body",
        operation=VERSIONS,
        project="a",
        body=json.dumps({"ProjectVersionDescriptions": [version(one, "v0000", StatusMessage="\ud800")]}).encode(),
    )
    served = serve(world(a=1, b=3), faults=[half])
    served.sync()
    serve(world(a=2, b=3), lake=served.lake).sync()
    assert version_names(served.lake) == {"a": names(2), "b": names(3)}

"""Only what is new in a listing is flattened, and the lake is the same as if everything had been."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import landing, revision, scope
from pipeline.emulator import Dataset, Fault, StaticWorld
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from pipeline.pieces import OvertakenError
from pipeline.revision import Revision
from tests.histories import states_of
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, REGION, names, project, version, version_names, world

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
Listed = list[tuple[dict[str, Any], list[dict[str, Any]]]]
VERSIONS = "DescribeProjectVersions"


@pytest.fixture
def revised(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many versions only the listing before had, and only the new one, each time that these were told apart."""
    noted: list[tuple[int, int]] = []
    replace = scope._replace

    def noting(new: Any, of: Any, before: Any, found: Revision) -> Any:
        written = replace(new, of, before, found)
        if written:
            noted.append((found.versions_before, found.versions_now))
        return written

    monkeypatch.setattr(scope, "_replace", noting)
    return noted


def manifest(lake: Path, *details: str) -> dict[str, Any]:
    found = snapshot.current(LocalLake(lake)).manifest
    return {detail: {name: entry["sha256"] for name, entry in found[detail].items()} for detail in details}


def states(lake: Path) -> dict[str, list[dict[str, Any]]]:
    """All histories, with each instant as which one it is."""
    current = snapshot.current(LocalLake(lake))
    found = {name: states_of(current, name).to_pylist() for name in current.rows}
    instants = sorted({one["valid_from"] for rows in found.values() for one in rows})
    at = {instant: number for number, instant in enumerate(instants)} | {None: None}
    return {
        name: [one | {"valid_from": at[one["valid_from"]], "valid_to": at[one["valid_to"]]} for one in rows]
        for name, rows in found.items()
    }


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


@pytest.mark.parametrize("seed", range(3))
def test_histories_go_on_as_if_everything_had_been_looked_at(
    serve: Serve, revised: list[Any], seed: int, monkeypatch: pytest.MonkeyPatch
):
    def overtaken(*_: Any) -> Any:
        raise OvertakenError

    monkeypatch.setattr(revision, "PIECE_BYTES", [3 << 20, 1, 4000][seed])
    rng = random.Random(seed)
    worlds = [listed_at_random(rng)]
    worlds += [changed_at_random(worlds[0], rng), worlds[0]]
    worlds.append(changed_at_random(worlds[0], rng))
    lakes = []
    for is_revised in (True, False):
        with monkeypatch.context() as patched:
            if not is_revised:
                patched.setattr(scope, "revise", overtaken)
            served = serve(listed_of(worlds[0]))
            served.sync()
            for listed in worlds[1:]:
                serve(listed_of(listed), lake=served.lake).sync()
            lakes.append(served.lake)
    assert len(revised) == 3
    assert states(lakes[0]) == states(lakes[1])


@pytest.mark.parametrize("seed", range(6))
def test_a_lake_of_what_was_new_is_the_one_of_everything(
    serve: Serve, revised: list[Any], seed: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(revision, "PIECE_BYTES", [3 << 20, 1, 4000][seed % 3])  # all at once, each project by itself
    rng = random.Random(seed)
    listed = listed_at_random(rng)
    served = serve(listed_of(listed))
    served.sync()
    for turn in range(1, 4):
        listed = changed_at_random(listed, rng)
        again = serve(listed_of(listed), lake=served.lake).sync()
        assert again.record.outcome is Outcome.COMPLETE
        assert len(revised) == turn
        fresh = serve(listed_of(listed))
        (one,), (other,) = again.record.scopes, fresh.sync().record.scopes
        assert manifest(served.lake, "tables") == manifest(fresh.lake, "tables")
        assert (one.projects, one.versions, one.unknown_members, one.descriptions) == (
            other.projects,
            other.versions,
            other.unknown_members,
            other.descriptions,
        )
        assert verify(LocalLake(served.lake)).differences == []


def test_versions_that_moved_to_other_pages_are_as_they_were(serve: Serve, revised: list[Any]):
    one = project("a")
    described = [version(one, name) for name in names(350)]
    served = serve(listed_of([(one, described)]))
    served.sync()
    serve(listed_of([(one, [version(one, "first"), *described])]), lake=served.lake).sync()
    serve(listed_of([(one, described[1:])]), lake=served.lake).sync()
    serve(listed_of([(one, described[1:][::-1])]), lake=served.lake).sync()
    assert revised == [(0, 1), (2, 0), (0, 0)]
    assert version_names(served.lake) == {"a": names(350)[1:]}


def test_undeclared_members_are_counted_as_if_all_had_been_read(serve: Serve, revised: list[Any]):
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
    assert revised == [(2, 2), (1, 1)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("expired_token", operation=VERSIONS, project="b", page=2),
        Fault("vanished", operation=VERSIONS, project="b", page=1),
        Fault("repeat_item", operation=VERSIONS, project="b", page=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_where_something_happened_while_it_was_listed_everything_is_flattened(
    serve: Serve, revised: list[Any], fault: Fault
):
    served = serve(world(a=120, b=250, c=3))
    served.sync()
    again = serve(world(a=121, b=250, c=3), lake=served.lake, faults=[fault])
    assert again.sync().record.outcome is Outcome.COMPLETE
    fresh = serve(world(a=121, b=250, c=3), faults=[fault])
    fresh.sync()
    assert manifest(served.lake, "tables") == manifest(fresh.lake, "tables")
    assert revised == []


def test_a_version_that_stood_on_two_pages_is_not_lost_with_one_of_them(serve: Serve, revised: list[Any]):
    served = serve(world(b=250), faults=[Fault("repeat_item", operation=VERSIONS, project="b", page=2)])
    served.sync()
    serve(world(b=251), lake=served.lake).sync()
    assert version_names(served.lake) == {"b": names(251)}
    assert revised == []


def test_a_listing_that_breaks_off_changes_nothing(serve: Serve, revised: list[Any]):
    served = serve(world(a=3, b=120))
    served.sync()
    before = manifest(served.lake, "tables")
    denied = Fault("access_denied", operation=VERSIONS, project="b", page=2)
    assert serve(world(a=4, b=120), lake=served.lake, faults=[denied]).sync().record.outcome is Outcome.FAILED
    assert (manifest(served.lake, "tables"), revised) == (before, [])


def test_a_page_that_cannot_be_read_whole_is_for_those_who_look_at_everything(serve: Serve, revised: list[Any]):
    served = serve(world(a=3, b=120))
    served.sync()
    odd = Fault("raw_body", operation=VERSIONS, project="a", body=b'{"ProjectVersionDescriptions": [{"Status": "x"}]}')
    again = serve(world(a=4, b=120), lake=served.lake, faults=[odd]).sync()
    assert again.record.outcome is Outcome.PARTIAL
    assert version_names(served.lake) == {"a": names(3), "b": names(120)}
    assert revised == []


def test_too_much_that_is_new_is_flattened_with_the_rest(
    serve: Serve, revised: list[Any], monkeypatch: pytest.MonkeyPatch
):
    served = serve(world(a=3))
    served.sync()
    monkeypatch.setattr(revision, "MOST_BYTES", 1000)
    serve(world(a=103), lake=served.lake).sync()
    assert (version_names(served.lake), revised) == ({"a": names(103)}, [])


def test_damaged_pages_before_are_no_hindrance(serve: Serve, revised: list[Any]):
    served = serve(world(a=3, b=120))
    served.sync()
    (path,) = (served.lake / "raw").rglob("*.parquet")
    content = bytearray(path.read_bytes())
    content[8:400] = bytes(392)
    path.write_bytes(content)
    serve(world(a=4, b=121), lake=served.lake).sync()
    assert version_names(served.lake) == {"a": names(4), "b": names(121)}
    assert revised == []


def test_of_a_scope_that_was_not_followed_only_changed_pages_are_read_back(
    serve: Serve, revised: list[Any], monkeypatch: pytest.MonkeyPatch
):
    def regions(**changed: Any) -> StaticWorld:
        listed = {}
        for region in ("eu-west-1", "us-east-1"):
            of = [project(name, region=region) for name in ("a", "b")]
            listed[ACCOUNT, region] = [(one, [version(one, name) for name in names(120)]) for one in of]
        listed[ACCOUNT, "us-east-1"][1][1][7] |= changed
        return StaticWorld(listed)

    read: list[str] = []
    wanted = landing.Pages.wanted

    def noting(self: Any, which: Any) -> Any:
        for page in wanted(self, which):
            read.append(f"{page.project_arn.split('/')[1] if page.project_arn else ''} {page.page_number}")
            yield page

    both = {"regions": ["eu-west-1", "us-east-1"]}
    served = serve(regions())
    served.sync(**both)
    monkeypatch.setattr(landing.Pages, "wanted", noting)
    serve(regions(Status="RUNNING"), lake=served.lake).sync(**both)
    assert read == [" 1", "b 1"]
    assert revised == [(1, 1)]


def test_a_detail_that_is_asked_for_the_first_time_is_asked_of_all_that_is_there(serve: Serve, revised: list[Any]):
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
    assert revised == [(0, 0), (1, 0), (0, 2), (0, 1)]  # at last, the rows there were are from two runs


def test_pages_before_that_had_to_be_read_with_care_are_not_compared(serve: Serve, revised: list[Any]):
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
    assert revised == []

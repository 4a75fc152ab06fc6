"""Flattening while pages are on their way, and listings that are equal to the one before: quicker, the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import landing, pieces, settings
from pipeline.arrivals import Arrivals
from pipeline.emulator import Fault, StaticWorld
from pipeline.jobs import sync as run
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from pipeline.load import history
from pipeline.load.snapshot_writer import SnapshotWriter
from pipeline.model.page import Scope
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, REGION, names, project, rows, version, version_names, world

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
VERSIONS = "DescribeProjectVersions"
SIZES = {"a": 3, "b": 130, "c": 2, "z": 250}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens in which order: an operation that is flattened, undo, end (of a listing)."""
    noted: list[str] = []
    flatten, undo, end = pieces.flatten, SnapshotWriter.undo, Arrivals.end

    def noting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted_first(*args: Any, **options: Any) -> Any:
            noted.append(name or args[0])
            return function(*args, **options)

        return noted_first

    monkeypatch.setattr(pieces, "flatten", noting("", flatten))
    monkeypatch.setattr(SnapshotWriter, "undo", noting("undo", undo))
    monkeypatch.setattr(Arrivals, "end", noting("end", end))
    return noted


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    monkeypatch.setattr(pieces, "PROJECT_BYTES", 1)


def tables(lake: Path) -> Any:
    return snapshot.current(LocalLake(lake)).manifest["tables"]


@pytest.mark.usefixtures("small_pieces")
def test_pages_are_flattened_while_others_are_on_their_way(serve: Serve, steps: list[str]):
    late = Fault("latency", operation=VERSIONS, project="z", page=3, seconds=1.0)
    served = serve(world(**SIZES), faults=[late])
    served.sync(in_flight=1)
    assert steps[: steps.index("end")].count(VERSIONS) >= 4
    assert version_names(served.lake) == {name: names(count) for name, count in SIZES.items()}


@pytest.mark.usefixtures("small_pieces")
def test_what_was_written_of_a_scope_that_breaks_off_is_taken_out_again(serve: Serve, steps: list[str]):
    served = serve(world(**SIZES))
    served.sync()
    before = tables(served.lake)
    (served.lake / "raw").rename(served.lake.parent / "away")  # else only what is new would be looked at
    denied = Fault("access_denied", operation=VERSIONS, project="z", page=3)
    other = serve(world(a=9, b=131, d=1, z=250), lake=served.lake, faults=[denied])
    assert other.sync(in_flight=1).record.outcome is Outcome.FAILED
    assert "undo" in steps
    assert tables(served.lake) == before


@pytest.mark.usefixtures("small_pieces")
def test_other_scopes_keep_theirs_when_one_breaks_off(serve: Serve, steps: list[str]):
    listed = {
        (ACCOUNT, region): [(one, [version(one, name) for name in names(120)])]
        for region in ("eu-west-1", "us-east-1")
        for one in [project("p", region=region)]
    }
    denied = Fault("access_denied", operation=VERSIONS, region="eu-west-1", page=2)
    served = serve(StaticWorld(listed), faults=[denied])
    result = served.sync(regions=["eu-west-1", "us-east-1"])
    assert result.record.outcome is Outcome.PARTIAL
    assert "undo" in steps
    assert {one["region"] for one in rows(served.lake, "projects")} == {"us-east-1"}
    assert len(rows(served.lake, "project_versions")) == 120


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("expired_token", operation=VERSIONS, project="z", page=3),
        Fault("vanished", operation=VERSIONS, project="z", page=3),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_project_that_was_cut_and_then_began_anew_or_vanished(serve: Serve, steps: list[str], fault: Fault):
    served = serve(world(**SIZES), faults=[fault])
    assert served.sync().record.outcome is Outcome.COMPLETE
    assert "undo" in steps
    expected = {name: names(count) for name, count in SIZES.items()}
    if fault.kind == "vanished":
        expected.pop("z")
    assert version_names(served.lake) == expected


def test_an_equal_listing_is_neither_flattened_nor_written(serve: Serve, steps: list[str]):
    served = serve(world(**SIZES))
    first = served.sync()
    steps.clear()
    again = served.sync()
    assert not again.is_published
    assert steps == ["end"]
    assert again.record.outcome is Outcome.COMPLETE
    (one,), (other,) = first.record.scopes, again.record.scopes
    assert (one.projects, one.versions) == (other.projects, other.versions) == (4, 385)
    assert other.listed_at is not None
    assert other.listed_at > str(one.listed_at)


def test_one_change_is_enough(serve: Serve, steps: list[str]):
    served = serve(world(**SIZES))
    served.sync()
    other = project("z")
    changed = world(**SIZES)
    listed = [
        (one, list(changed.versions(ACCOUNT, REGION, one["ProjectArn"]))) for one in changed.projects(ACCOUNT, REGION)
    ]
    listed[-1][1][-1] |= {"Status": "RUNNING"}
    assert listed[-1][0] == other
    steps.clear()
    again = serve(StaticWorld({(ACCOUNT, REGION): listed}), lake=served.lake)
    assert again.sync().is_published
    assert steps == ["end"]  # only what is new is flattened: tests/service/test_revision.py
    assert [one["status"] for one in rows(served.lake, "project_versions")].count("RUNNING") == 1


@pytest.mark.parametrize("fewer", [{"a": 3, "b": 130, "c": 2}, {"a": 3, "b": 130, "c": 2, "z": 249}, {}])
def test_what_is_no_longer_listed_is_a_change(serve: Serve, fewer: dict[str, int]):
    served = serve(world(**SIZES))
    served.sync()
    serve(world(**fewer), lake=served.lake).sync()
    assert version_names(served.lake) == {name: names(count) for name, count in fewer.items()}


def test_of_two_scopes_only_the_one_that_changed_is_flattened(serve: Serve, steps: list[str]):
    def regions(east: int) -> StaticWorld:
        sizes = {"eu-west-1": 120, "us-east-1": east}
        listed = {
            (ACCOUNT, region): [(one, [version(one, name) for name in names(count)])]
            for region, count in sizes.items()
            for one in [project("p", region=region)]
        }
        return StaticWorld(listed)

    both = {"regions": ["eu-west-1", "us-east-1"]}
    served = serve(regions(5))
    first = served.sync(**both)
    steps.clear()
    again = serve(regions(6), lake=served.lake).sync(**both)
    assert again.is_published
    assert steps == ["end", "end"]
    assert [one.versions for one in again.record.scopes] == [120, 6]
    fresh = serve(regions(6))
    fresh.sync(**both)
    assert tables(served.lake) == tables(fresh.lake)
    sources = snapshot.current(LocalLake(served.lake)).sources
    assert {one.run_id for one in sources.values()} == {again.record.run_id}
    assert first.record.run_id not in {one.run_id for one in sources.values()}


def test_without_the_pages_before_there_is_nothing_to_be_equal_to(serve: Serve, steps: list[str]):
    served = serve(world(**SIZES))
    first = served.sync()
    (LocalLake(served.lake).root / landing.folder(first.record.run_id)).rename(served.lake / "away")
    steps.clear()
    assert not served.sync().is_published
    assert VERSIONS in steps


def test_pages_whose_rows_had_gaps_are_flattened_again(serve: Serve, steps: list[str]):
    unreadable = Fault(
        "raw_body", operation=VERSIONS, project="c", body=b'{"ProjectVersionDescriptions": [{"Status": "RUNNING"}]}'
    )
    served = serve(world(**SIZES), faults=[unreadable])
    assert served.sync().record.outcome is Outcome.PARTIAL
    steps.clear()
    assert served.sync().record.outcome is Outcome.PARTIAL
    assert VERSIONS in steps
    assert Scope(REGION, ACCOUNT) in snapshot.current(LocalLake(served.lake)).sources


def test_counts_of_a_run_that_did_not_publish_are_not_taken_for_true(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(**SIZES))
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(run, "write_scope", stopped)
        served.sync()
    (died,) = (path.stem for path in (served.lake / "runs").iterdir())
    run.replay(settings.load(lake=str(served.lake), environment={}), died, lambda _: None)
    again = served.sync()
    assert not again.is_published
    assert [one.versions for one in again.record.scopes] == [sum(SIZES.values())]


def stopped(_: Any, arriving: Any) -> Any:
    arriving.result()
    raise RuntimeError("no more")


@pytest.mark.parametrize("said", [{"declared": "otherwise"}, {"software": {"reklake": "0.0.1"}}])
def test_what_another_version_flattened_is_flattened_again(serve: Serve, steps: list[str], said: dict[str, Any]):
    served = serve(world(**SIZES))
    served.sync()
    manifest = served.lake / "snapshots" / snapshot.current(LocalLake(served.lake)).id / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | said))
    steps.clear()
    served.sync()
    assert VERSIONS in steps


def test_versions_are_asked_for_in_the_order_of_the_tables(serve: Serve):
    listed = [(one, [version(one, "v1")]) for one in map(project, ("m", "z", "a", "a-b"))]
    served = serve(StaticWorld({(ACCOUNT, REGION): listed}))
    served.sync(in_flight=1, rate=2)  # one at a time
    asked = [str(call.project_arn).split("/")[1] for call in served.endpoint.calls if call.operation == VERSIONS]
    assert asked == ["a-b", "a", "m", "z"]


def test_only_tables_that_changed_have_their_histories_written_anew(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    written: list[str] = []
    write = history.write
    monkeypatch.setattr(
        history, "write", lambda table, *rest, **more: (written.append(table.name), write(table, *rest, **more))[1]
    )
    served = serve(world(a=1))
    served.sync()
    written.clear()
    one = project("a")
    again = serve(
        StaticWorld({(ACCOUNT, REGION): [(one, [version(one, "v0000", Status="STOPPED")])]}), lake=served.lake
    )
    assert again.sync().is_published
    assert written == ["project_versions"]

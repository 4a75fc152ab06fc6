"""When a scope's rows are carried forward, and when everything is flattened: that costs seconds and is always right."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import landing
from pipeline.jobs import add_scope
from pipeline.jobs.add_scope import is_unchanged
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import ScopeRecord
from pipeline.load.snapshot_writer import new_snapshot
from pipeline.model.operations import DETAILS
from pipeline.model.page import RawPage, Scope

SCOPE = Scope("us-east-1", "111122223333")
START = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:rekognition:us-east-1:111122223333:project/cats/1"
VERSION = "arn:aws:rekognition:us-east-1:111122223333:project/cats/version/v1/1"


def listing(number: int, status: str = "RUNNING", **more: Any) -> list[RawPage]:
    at = START + timedelta(days=number)

    def page(operation: str, result: dict[str, Any], project: str = "", resource: str = "") -> RawPage:
        body = json.dumps(result).encode()
        return RawPage(operation, project, 1, 1, 200, at, "", body, resource, digest=body)

    described = {"ProjectVersionArn": VERSION, "Status": status, **more}
    return [
        page("DescribeProjects", {"ProjectDescriptions": [{"ProjectArn": ARN}]}),
        page("DescribeProjectVersions", {"ProjectVersionDescriptions": [described]}, ARN),
        page(DETAILS["tags"], {"Tags": {"team": "a"}}, ARN, ARN),
    ]


def changed(page: RawPage, **fields: Any) -> RawPage:
    return RawPage(**{name: getattr(page, name) for name in RawPage.__slots__} | fields)


class World:
    def __init__(self, folder: Path) -> None:
        self.lake = LocalLake(folder)
        self.runs = 0

    def land(self, pages: list[RawPage], *details: str) -> landing.LandedScope:
        self.runs += 1
        run_id = f"2026010{self.runs}T000000Z-00000{self.runs}"
        with landing.land(self.lake, run_id, SCOPE) as writer:
            for page in pages:
                writer.add(page)
            writer.details.update(details)
        return landing.scope_file(self.lake, run_id, SCOPE)

    def publish(self, landed: landing.LandedScope) -> None:
        with new_snapshot(self.lake, landed.run_id, snapshot.find(self.lake)) as new:
            add_scope.add_scope(new, landed, ScopeRecord.of(SCOPE))
            new.seal(created_at="2026-01-01T00:00:00Z", software={}, run=dict)

    def is_unchanged(self, pages: list[RawPage], *details: str) -> bool:
        return is_unchanged(self.land(pages, *details), snapshot.find(self.lake))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_same_pages_at_the_same_places_are_carried_forward(world: World):
    world.publish(world.land(listing(1), "tags"))
    assert world.is_unchanged(listing(2), "tags")


def test_without_a_snapshot_everything_is_new(world: World):
    assert not world.is_unchanged(listing(1))


Change = Callable[[list[RawPage]], list[RawPage]]
CHANGES: dict[str, Change] = {
    "another digest": lambda pages: [pages[0], changed(pages[1], digest=b"other"), pages[2]],
    "no digest": lambda pages: [pages[0], changed(pages[1], digest=b""), pages[2]],
    "a page less": lambda pages: [pages[0], pages[2]],
    "a page more": lambda pages: [*pages, changed(pages[1], page_number=2)],
    "a page at another place": lambda pages: [*pages[:2], changed(pages[2], resource_arn=VERSION)],
    "a listing that began again": lambda pages: [*pages, changed(pages[1], listing=2)],
    "a project that vanished": lambda pages: [*pages, changed(pages[1], page_number=0, http_status=400, digest=b"")],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_other_page_is_flattened(world: World, change: Change):
    world.publish(world.land(listing(1), "tags"))
    assert not world.is_unchanged(change(listing(2)), "tags")


@pytest.mark.parametrize("change", [CHANGES["a listing that began again"], CHANGES["a project that vanished"]])
def test_so_is_everything_where_more_than_pages_counted_before(world: World, change: Change):
    world.publish(world.land(change(listing(1)), "tags"))
    assert not world.is_unchanged(change(listing(2)), "tags")


@pytest.mark.parametrize(("before", "now"), [((), ("tags",)), (("tags",), ()), (("tags",), ("tags", "policies"))])
def test_other_details_are_flattened(world: World, before: tuple[str, ...], now: tuple[str, ...]):
    world.publish(world.land(listing(1), *before))
    assert not world.is_unchanged(listing(2), *now)


def test_pages_of_a_detail_that_is_not_whole_do_not_count(world: World):
    world.publish(world.land(listing(1)))
    assert world.is_unchanged(listing(2)[:2])


def test_what_the_lenient_reader_read_is_flattened(world: World):
    world.publish(world.land(listing(1, Novelty=1), "tags"))
    assert not world.is_unchanged(listing(2, Novelty=1), "tags")


def test_what_could_not_be_read_is_flattened(world: World):
    pages = [*listing(1)[:1], changed(listing(1)[1], body=b"<html>"), *listing(1)[2:]]
    world.publish(world.land(pages, "tags"))
    assert not world.is_unchanged(pages, "tags")


@pytest.mark.parametrize("name", ["declaration_digest", "version"])
def test_so_is_what_another_version_flattened(world: World, monkeypatch: pytest.MonkeyPatch, name: str):
    world.publish(world.land(listing(1), "tags"))
    monkeypatch.setattr(add_scope, name, lambda *_: "another")
    assert not world.is_unchanged(listing(2), "tags")


@pytest.mark.parametrize("damage", ["removed", "damaged"])
def test_landed_pages_that_are_gone_or_damaged_cannot_be_compared(world: World, damage: str):
    landed = world.land(listing(1), "tags")
    world.publish(landed)
    landed.path.unlink()
    if damage == "damaged":
        landed.path.write_bytes(b"PAR1")
    assert not world.is_unchanged(listing(2), "tags")


def test_after_a_rollback_the_pages_of_the_current_snapshot_are_compared(world: World):
    world.publish(world.land(listing(1), "tags"))
    first = snapshot.find(world.lake)
    assert first is not None
    world.publish(world.land(listing(2, "STOPPED"), "tags"))
    world.lake.point(first.id, world.lake.pointer())
    assert not world.is_unchanged(listing(3, "STOPPED"), "tags")
    assert world.is_unchanged(listing(3), "tags")


def test_verify_says_what_is_nested_too_deeply_to_be_compared(world: World):
    body = json.dumps({"ProjectVersionDescriptions": [{"ProjectVersionArn": VERSION, "Odd": 1}]})
    deep = body.replace(": 1", ": " + "[" * 900 + "]" * 900).encode()
    pages = [*listing(1)[:1], changed(listing(1)[1], body=deep)]
    world.publish(world.land(pages))
    (found,) = verify(world.lake).differences
    assert "nested too deeply" in found

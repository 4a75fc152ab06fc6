"""Landed pages once more: replayed into the lake, and compared with its tables."""

from __future__ import annotations

import json
from collections.abc import Callable

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import settings
from pipeline.emulator import Fault, demo_world
from pipeline.errors import LakeError
from pipeline.jobs import replay
from pipeline.jobs.rollback import rollback
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from pipeline.landing import landed_scopes
from tests.service.conftest import Served
from tests.service.worlds import names, project, two_by_two, version, version_names, world

Serve = Callable[..., Served]
VERSIONS, PROJECTS = "DescribeProjectVersions", "DescribeProjects"


def test_a_replayed_run_gives_the_same_bytes(serve: Serve):
    served = serve(two_by_two(), faults=[Fault("expired_token", page=3, times=4), Fault("repeat_item")])
    first = served.sync_both()
    before = snapshot.current(LocalLake(served.lake)).manifest["tables"]
    (served.lake / "CURRENT").unlink()
    again = replay.replay(settings.load(lake=str(served.lake), environment={}), first.record.run_id, lambda _: None)
    assert again.record.outcome is Outcome.COMPLETE
    assert again.record.snapshot == again.record.run_id != first.record.run_id
    assert snapshot.current(LocalLake(served.lake)).manifest["tables"] == before


def test_a_replay_does_not_go_back_and_a_rollback_makes_its_scopes_stale(serve: Serve):
    served = serve(world(cats=2))
    first = served.sync()
    serve(world(cats=5), lake=served.lake).sync()
    chosen = settings.load(lake=str(served.lake), environment={})

    def scopes():
        with duckdb.connect(str(served.lake / "lake.duckdb"), read_only=True) as con:
            return con.sql(
                "select outcome, error, last_complete_at, stale_since, last_attempt_at from scopes"
            ).fetchall()[0]

    outcome, error, newest, stale, attempted = scopes()
    assert (outcome, error, stale) == ("complete", None, None)
    assert newest <= attempted

    again = replay.replay(chosen, first.record.run_id, lambda _: None)
    assert (again.record.outcome, again.record.scopes[0].error_kind) == (Outcome.FAILED, "older")
    assert "a replay does not go back" in again.record.scopes[0].error
    assert version_names(served.lake) == {"cats": names(5)}

    rollback(chosen, None)
    assert version_names(served.lake) == {"cats": names(2)}
    outcome, error, shown, stale, last = scopes()
    assert (outcome, stale, last) == ("failed", shown, attempted)
    assert shown < newest
    assert "rolled back" in error
    serve(world(cats=5), lake=served.lake).sync()
    assert scopes()[0] == "complete"


def test_replaying_a_failed_scope_does_not_publish_its_pages(serve: Serve):
    served = serve(world(cats=250), faults=[Fault("access_denied", operation=VERSIONS, page=2)])
    failed = served.sync()
    (one,) = landed_scopes(LocalLake(served.lake), failed.record.run_id)
    assert not one.complete
    again = replay.replay(settings.load(lake=str(served.lake), environment={}), failed.record.run_id, lambda _: None)
    assert again.record.outcome is Outcome.FAILED
    with pytest.raises(LakeError, match="no landed pages of run"):
        replay.replay(settings.load(lake=str(served.lake), environment={}), "yesterday", lambda _: None)


def test_verify_finds_rows_that_no_page_has_and_reads_on_behind_what_it_cannot(serve: Serve):
    dog = version(project("dogs"), "v0000")
    body = json.dumps({"ProjectVersionDescriptions": [7, dog]}).encode()
    served = serve(world(cats=2, dogs=1), faults=[Fault("raw_body", project="dogs", body=body)])
    served.sync()
    (said,) = verify(LocalLake(served.lake)).differences
    assert "item 0 has no ProjectVersionArn" in said
    again = serve(world(cats=2, dogs=1), lake=served.lake)
    again.sync()
    assert verify(LocalLake(served.lake)).differences == []
    path = snapshot.current(LocalLake(served.lake)).file("project_versions")
    table = pq.read_table(path)
    made_up = {**table.to_pylist()[0], "project_version_arn": "arn:made-up"}
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([made_up], table.schema)]), path)
    (said,) = verify(LocalLake(served.lake)).differences
    assert "arn:made-up is in the tables, but on no page" in said


def test_verify_finds_a_value_that_was_changed(serve: Serve):
    served = serve(demo_world())
    served.sync(regions=["us-east-1", "eu-west-1"])
    report = verify(LocalLake(served.lake))
    assert report.differences == []
    assert report.descriptions == 11 + 61 + 9  # projects, versions, and their datasets' statistics
    path = snapshot.current(LocalLake(served.lake)).file("project_versions")
    table = pq.read_table(path)
    changed = table.to_pylist()
    changed[3]["f1_score"] = 0.123
    dropped = changed.pop()
    pq.write_table(table.from_pylist(changed, schema=table.schema), path)
    found = verify(LocalLake(served.lake)).differences
    assert len(found) == 2
    assert any("0.123" in one and "EvaluationResult" in one for one in found)
    assert any(dropped["project_version_arn"] in one and "not in the tables" in one for one in found)

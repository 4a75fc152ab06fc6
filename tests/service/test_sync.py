"""A whole run over HTTP: accounts and regions, what is published, what is kept when a detail fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from pipeline.emulator import Fault, StaticWorld
from pipeline.jobs import add_scope
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from pipeline.model import TABLES, with_validity
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, OTHER, names, project, rows, two_by_two, version, version_names, world
from tests.snapshots import current_rows

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
VERSIONS, PROJECTS = "DescribeProjectVersions", "DescribeProjects"


def test_two_accounts_and_two_regions_come_out_whole(serve: Serve):
    served = serve(two_by_two(), page_size=100, faults=[Fault("throttle", every=7), Fault("repeat_item")])
    result = served.sync_both()
    assert result.record.outcome is Outcome.COMPLETE
    assert {scope.scope.account_id for scope in result.record.scopes} == {ACCOUNT, OTHER}
    listed = {"projects": 16, "project_versions": 4 * 252, "version_assets": 8}
    assert result.rows == {table.name: listed.get(table.name, 0) for table in TABLES}
    found = {one["project_version_arn"]: one for one in rows(served.lake, "project_versions")}
    for account in (ACCOUNT, OTHER):
        for region in ("us-east-1", "eu-west-1"):
            base = f"arn:aws:rekognition:{region}:{account}:project"
            one = found[f"{base}/odd/version/x.y-z_1/1690556751958"]
            assert one["status_message"] == 'größer\nals\t\u2028 "zuvor" \\ 🙂\u0000'
            assert one["billable_training_seconds"] == 2**63 - 1
            assert one["created_at"] == datetime(2023, 7, 28, 15, 5, 51, 958000, UTC)
            assert json.loads(one["extra"]) == {"EvaluationResult": {"Recall": 1}}
            assert one["project_arn"] == f"{base}/odd/1690405809285"
            assert (one["account_id"], one["region"]) == (account, region)
            long = found[f"{base}/{'n' * 255}/version/{'v' * 255}/1690556751958"]
            assert (long["project_name"], long["version_name"]) == ("n" * 255, "v" * 255)
    assets = rows(served.lake, "version_assets")
    assert [(one["asset_index"], one["bucket"]) for one in assets[:2]] == [(0, "b"), (1, None)]
    assert json.loads(assets[0]["extra"]) == {"GroundTruthManifest": {"S3Object": {"ETag": "e"}}}
    assert {json.loads(one["extra"] or "null") is None for one in rows(served.lake, "projects")} == {
        True,
        False,
    }
    assert sum(scope.unknown_members for scope in result.record.scopes) == 4 * 3
    assert verify(LocalLake(served.lake)).differences == []


def test_files_are_sorted_by_key_and_carry_their_declaration(serve: Serve):
    served = serve(two_by_two())
    served.sync_both()
    for table in TABLES:
        path = snapshot.current(LocalLake(served.lake)).file(table.name)
        found = pq.read_table(path)
        assert found.schema.equals(with_validity(table).schema, check_metadata=True)
        keys = list(zip(*(found.column(name).to_pylist() for name in table.key), strict=True))
        assert keys == sorted(set(keys))
        if found.num_rows:
            assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_a_failed_scope_keeps_its_rows_and_the_others_move_on(serve: Serve):
    served = serve(two_by_two())
    served.sync_both()
    before = rows(served.lake, "project_versions")

    grown = two_by_two()
    again = serve(
        grown,
        lake=served.lake,
        faults=[Fault("access_denied", account=OTHER, region="eu-west-1"), Fault("vanished", project="many")],
    )
    result = again.sync_both()
    assert result.record.outcome is Outcome.PARTIAL
    failed = [scope for scope in result.record.scopes if scope.outcome is Outcome.FAILED]
    assert [(scope.account_id, scope.region, scope.error_kind) for scope in failed] == [(OTHER, "eu-west-1", "denied")]
    kept = {one["project_version_arn"] for one in rows(again.lake, "project_versions")}
    expected = {
        one["project_version_arn"]
        for one in before
        if one["project_name"] != "many" or (one["account_id"], one["region"]) == (OTHER, "eu-west-1")
    }
    assert kept == expected


def test_a_scope_that_was_not_asked_keeps_its_rows(serve: Serve):
    served = serve(two_by_two())
    served.sync_both()
    result = served.sync(regions=["us-east-1"])
    assert result.rows["projects"] == 16


def test_a_listing_that_breaks_off_changes_nothing_of_its_scope(serve: Serve):
    served = serve(world(cats=250))
    served.sync()
    again = serve(world(cats=3, dogs=1), lake=served.lake, faults=[Fault("access_denied", project="dogs")])
    result = again.sync()
    assert result.record.outcome is Outcome.FAILED
    assert version_names(served.lake) == {"cats": names(250)}


def test_an_item_that_makes_no_sense_fails_alone_and_takes_nothing_away(serve: Serve):
    served = serve(world(cats=2, dogs=2))
    served.sync()
    dog = version(project("dogs"), "v0000", Status="RUNNING")
    body = json.dumps({"ProjectVersionDescriptions": [dog, {"Status": "RUNNING"}]}).encode()
    again = serve(world(cats=3, dogs=2), lake=served.lake, faults=[Fault("raw_body", project="dogs", body=body)])
    result = again.sync()
    assert result.record.outcome is Outcome.PARTIAL
    (scope,) = result.record.scopes
    for detail in (ACCOUNT, "us-east-1", "project/dogs", "page 1", "item 1", "ProjectVersionArn"):
        assert detail in scope.error
    assert version_names(served.lake) == {"cats": names(3), "dogs": names(2)}
    statuses = {
        (one["project_name"], one["version_name"]): one["status"] for one in rows(served.lake, "project_versions")
    }
    assert statuses["dogs", "v0000"] == "RUNNING"
    assert statuses["dogs", "v0001"] == "TRAINING_COMPLETED"


def test_nothing_changed_means_no_new_snapshot_but_a_record(serve: Serve):
    served = serve(world(cats=2))
    first, second = served.sync(), served.sync()
    assert first.record.snapshot == first.record.run_id
    assert second.record.snapshot == first.record.snapshot
    assert (first.is_published, second.is_published) == (True, False)
    assert [path.name for path in (served.lake / "snapshots").iterdir()] == [first.record.run_id]
    assert len(list((served.lake / "runs").glob("*.json"))) == 2


def test_of_a_version_on_two_pages_the_later_counts_with_its_assets(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(add_scope, "BATCH_PAGES", 1)
    cats = project("cats")

    def state(of: str, count: int) -> dict:
        assets = [{"GroundTruthManifest": {"S3Object": {"Bucket": of, "Name": str(at)}}} for at in range(count)]
        return version(cats, "v1", StatusMessage=of, TrainingDataResult={"Input": {"Assets": assets}})

    def page(token: str | None, *described: dict) -> bytes:
        return json.dumps({"ProjectVersionDescriptions": described, "NextToken": token}).encode()

    bodies = [
        page("a", state("first", 3), version(cats, "v3")),
        page("b", state("second", 1)),
        page(None, version(cats, "v2")),
    ]
    faults = [Fault("raw_body", operation=VERSIONS, nth=at, body=body) for at, body in enumerate(bodies, 1)]
    served = serve(StaticWorld({(ACCOUNT, "us-east-1"): [(cats, [])]}), faults=faults)
    result = served.sync()
    assert result.record.scopes[0].versions == 3
    (repeated,) = [row for row in rows(served.lake, "project_versions") if row["version_name"] == "v1"]
    assert repeated["status_message"] == "second"  # the later page was seen last
    assert [row["bucket"] for row in rows(served.lake, "version_assets")] == ["second"]
    assert version_names(served.lake) == {"cats": ["v1", "v2", "v3"]}


def test_batches_of_any_size_give_the_same_files(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    sizes = {"a": 130, "a-b": 3, "b": 250, "c": 99}
    tables = []
    for pages in (1, 7, 1000):
        monkeypatch.setattr(add_scope, "BATCH_PAGES", pages)
        served = serve(world(**sizes), page_size=10)
        served.sync()
        tables.append(current_rows(snapshot.current(LocalLake(served.lake))))
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.parametrize("status", [202, 203, 204, 206])
def test_an_odd_status_is_no_reason_to_lose_rows(serve: Serve, status: int):
    served = serve(world(cats=3))
    served.sync()
    body = b"" if status == 204 else json.dumps({"ProjectVersionDescriptions": []}).encode()
    again = serve(
        world(cats=3), lake=served.lake, faults=[Fault("raw_body", operation=VERSIONS, status=status, body=body)]
    )
    result = again.sync(max_attempts=2)
    if status == 204:  # no page at all
        assert result.record.outcome is Outcome.FAILED
        assert version_names(served.lake) == {"cats": names(3)}
    else:  # a proxy's word for 200: the listing is what it says
        assert result.record.outcome is Outcome.COMPLETE
        assert version_names(served.lake) == {"cats": []}


def test_not_found_for_the_projects_themselves_is_a_failure(serve: Serve):
    served = serve(world(cats=3))
    served.sync()
    error = b'{"__type":"ResourceNotFoundException","message":"what?"}'
    again = serve(
        world(cats=3), lake=served.lake, faults=[Fault("raw_body", operation=PROJECTS, status=400, body=error)]
    )
    assert again.sync().record.outcome is Outcome.FAILED
    assert version_names(served.lake) == {"cats": names(3)}


def test_calls_keep_the_pace_that_was_asked(serve: Serve):
    served = serve(world(**{f"p{number:02}": 1 for number in range(60)}), tps=20)
    (scope,) = served.sync(rate=19).record.scopes
    assert (scope.throttles, scope.calls) == (0, 61)  # eight threads without a pace would be throttled at once

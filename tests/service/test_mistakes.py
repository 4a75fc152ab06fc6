"""What cannot be done is said clearly, and nothing is lost by it: settings, credentials, disks, interruptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import landing
from pipeline.emulator import StaticWorld
from pipeline.errors import LakeError, UsageError
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, OTHER, names, two_by_two, version_names, world

Serve = Callable[..., Served]
VERSIONS, PROJECTS = "DescribeProjectVersions", "DescribeProjects"


def test_what_goes_wrong_after_publishing_is_a_warning(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(cats=3))

    def refuse(*_, **__):
        raise LakeError("no room")

    monkeypatch.setattr("pipeline.query.database.refresh", refuse)
    result = served.sync()
    assert result.is_published
    assert result.warning.endswith("is not up to date: no room")
    assert version_names(served.lake) == {"cats": names(3)}


def test_a_damaged_lake_is_found_before_anybody_is_asked(serve: Serve):
    served = serve(world(cats=3))
    served.sync()
    (served.lake / "CURRENT").write_text("gone")
    before = served.calls(PROJECTS)
    with pytest.raises(LakeError, match="CURRENT names snapshot 'gone'"):
        served.sync()
    assert served.calls(PROJECTS) == before


def test_a_stopped_run_leaves_a_record(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(cats=3))

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.jobs.publish.add_scope", stop)
    with pytest.raises(KeyboardInterrupt):
        served.sync()
    (record,) = (served.lake / "runs").glob("*.json")
    assert json.loads(record.read_text())["outcome"] == "failed"


def test_a_role_that_cannot_be_assumed_fails_its_account_only(serve: Serve):
    served = serve(two_by_two(), refused=[OTHER])
    result = served.sync_both()
    assert result.record.outcome is Outcome.PARTIAL
    by_account = {scope.account_id: scope for scope in result.record.scopes}
    assert by_account[ACCOUNT].outcome is Outcome.COMPLETE
    assert by_account[OTHER].error_kind == "credentials"
    assert f"The role must exist in account {OTHER}" in by_account[OTHER].error


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"regions": ["us-esat-1"]}, "no such region"),
        ({"accounts": [OTHER]}, "belong to account 111122223333"),
        ({"accounts": ["12"]}, "12 digits"),
        ({"accounts": [ACCOUNT, OTHER]}, "need --role"),
        ({"role": "Reader"}, "needs --account"),
        ({"rate": 0}, "above 0"),
        ({"profile": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_written(serve: Serve, asked: dict, said: str):
    served = serve(world(cats=1))
    with pytest.raises(UsageError, match=said):
        served.sync(**asked)
    assert not served.lake.exists()
    assert served.endpoint.calls == []


def test_no_credentials(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(cats=1))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(UsageError, match=r"No AWS credentials found.*reklake demo"):
        served.sync()


def test_a_folder_of_something_else_is_left_alone(serve: Serve, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    served = serve(world(cats=1), lake=tmp_path / "photos")
    with pytest.raises(UsageError, match=r"is not a lake, but holds cat\.jpg"):
        served.sync()


def test_where_sts_is_silent_the_statement_or_a_project_tells_the_account(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    served = serve(world(cats=1))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    assert served.sync().record.scopes[0].account_id == ACCOUNT
    assert served.sync(accounts=[ACCOUNT]).record.outcome is Outcome.COMPLETE
    empty = serve(StaticWorld({}))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="state the account with --account"):
        empty.sync()


def test_a_lake_that_cannot_be_written_is_one_clear_error(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(cats=1))
    served.sync()
    before = version_names(served.lake)
    again = serve(world(cats=2), lake=served.lake)

    def full(*_):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("pipeline.load.snapshot_writer.sha256", full)
    with pytest.raises(LakeError, match=r"No space left on device.*unchanged"):
        again.sync()
    assert version_names(served.lake) == before
    assert [path.name for path in (served.lake / "snapshots").iterdir()] == [
        snapshot.current(LocalLake(served.lake)).id
    ]


def test_when_a_run_is_stopped_its_other_listings_stop_too(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(**{f"p{number}": 100 for number in range(60)}), latency=0.05, page_size=10)
    real = landing.land
    pages = []

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(landing, "land", lambda *of: pages.append(of) or real(*of))
    monkeypatch.setattr("pipeline.jobs.sync.publish", stop)
    with pytest.raises(KeyboardInterrupt):
        served.sync(rate=20)
    assert served.calls(VERSIONS) < 100  # of 600
    assert pages

"""Whole runs on a lake in S3, over HTTP, with faults: what is published, queried, pulled down, raced for."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline import settings
from pipeline.emulator import Fault
from pipeline.errors import BusyError, LakeError
from pipeline.jobs import doctor, sync
from pipeline.jobs.gc import collect_garbage
from pipeline.jobs.pull import pull
from pipeline.jobs.rollback import rollback
from pipeline.jobs.verify import verify
from pipeline.lake import Lake, LocalLake, open_lake, run_log, snapshot
from pipeline.lake.local import LOCK
from pipeline.lake.run_record import Outcome
from pipeline.query import database
from pipeline.settings import Prices, Retention, Settings
from tests.service.conftest import Served
from tests.service.s3_proxy import Proxy, proxy_to, shorten_waits
from tests.service.worlds import names, two_by_two, world

Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def storage() -> Iterator[dict[str, str]]:
    """S3 in a process of its own: it outlives the endpoints which are listed. The environment that leads to it."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        environment: dict[str, str] = {}
        while "AWS_EC2_METADATA_DISABLED" not in environment:  # the last that it prints
            assert process.poll() is None
            name, _, value = process.stdout.readline().removeprefix("export ").strip().partition("=")
            environment[name] = value
        yield environment
        process.terminate()


@pytest.fixture
def s3(storage: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, Proxy]]:
    """A bucket behind a proxy that injects faults."""
    url = storage["AWS_ENDPOINT_URL"]
    with proxy_to(url) as proxy:
        for name, value in storage.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        shorten_waits(monkeypatch)
        bucket = f"lake-{uuid.uuid4().hex[:12]}"
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket=bucket)
        yield f"s3://{bucket}/some/lake", proxy


def chosen(lake: str, **more: Any) -> Settings:
    return settings.load(lake=lake, environment={}, regions=["us-east-1"], rate=1000, **more)


def synced(serve: Serve, lake: str, **versions: int) -> sync.RunResult:
    serve(world(**versions))
    return sync.sync(chosen(lake), lambda _: None)


def versions(lake: Lake) -> list[str]:
    return pq.read_table(snapshot.current(lake).file("project_versions")).column("version_name").to_pylist()


def test_a_lake_in_s3_is_like_any_other(serve: Serve, s3: tuple[str, Proxy], tmp_path: Path):
    lake, _ = s3
    first, second = synced(serve, lake, cats=3), synced(serve, lake, cats=5)
    again = synced(serve, lake, cats=5)
    assert [result.is_published for result in (first, second, again)] == [True, True, False]
    store = open_lake(lake)
    assert versions(store) == names(5)
    assert store.entries() == ["CURRENT", "raw", "runs", "snapshots"]
    assert store.entries("snapshots") == [first.record.run_id, second.record.run_id]
    assert verify(store).differences == []
    assert snapshot.current(store).damage() == []
    assert rollback(chosen(lake), None).record.snapshot == first.record.run_id
    assert versions(open_lake(lake)) == names(3)
    assert synced(serve, lake, cats=4).is_published
    pull(chosen(lake), tmp_path / "pulled")
    pulled = LocalLake(tmp_path / "pulled")
    assert versions(pulled) == names(4)
    kinds = [document["kind"] for document in run_log.newest_first(pulled)]
    assert kinds == ["sync", "rollback", "sync", "sync", "sync"]
    gone = collect_garbage(chosen(lake).with_retention(snapshots=1, days=0), is_dry=False)
    assert {removed.name.split("/")[0] for removed in gone} >= {"snapshots", "raw"}
    assert versions(open_lake(lake)) == names(4)
    assert verify(open_lake(lake)).differences == []


def test_doctor_finds_a_lake_in_s3_well_and_a_damaged_file(serve: Serve, s3: tuple[str, Proxy]):
    lake, _ = s3
    result = synced(serve, lake, cats=3)
    found = {finding.subject: finding for finding in doctor.examine(chosen(lake), is_aws=False, fix=True)}
    assert {finding.level for finding in found.values()} == {"ok"}
    assert found.keys() >= {"CURRENT", "snapshots", "run records", "landed pages", "quota", "retention", "writer"}
    assert not found.keys() & {"lake.duckdb", "space"}
    with open_lake(lake).new_file(f"snapshots/{result.record.run_id}/projects.parquet") as path:
        path.write_bytes(b"damaged")
    failed = [finding for finding in doctor.examine(chosen(lake), is_aws=False) if finding.level == "fail"]
    assert [(finding.message, finding.remedy) for finding in failed] == [
        ("projects.parquet is not as it was written", "reklake rollback")
    ]


def test_nothing_is_lost_while_s3_fails_now_and_then(serve: Serve, s3: tuple[str, Proxy], tmp_path: Path):
    lake, proxy = s3
    proxy.fail("status", every=5, times=10_000, status=500)
    proxy.fail("reset", every=7, times=10_000)
    proxy.fail("cut", "GET", every=6, times=10_000)
    proxy.fail("lost", "PUT", every=9, times=10_000)
    served = serve(two_by_two(), faults=[Fault("throttle", every=9)])
    chosen_lake = settings.load(
        lake=lake, environment={}, regions=["us-east-1", "eu-west-1"], rate=1000, max_attempts=12
    )
    result = sync.sync(chosen_lake, lambda _: None)
    assert result.record.outcome is Outcome.COMPLETE
    beside = serve(two_by_two(), lake=tmp_path / "local")
    beside.sync(regions=["us-east-1", "eu-west-1"])
    here, there = (snapshot.current(each).manifest for each in (open_lake(lake), LocalLake(beside.lake)))
    assert here["tables"] == there["tables"]
    assert served.lake != beside.lake


def test_of_two_racing_syncs_one_publishes_and_the_other_loses_nothing(serve: Serve, s3: tuple[str, Proxy]):
    lake, _ = s3
    first = synced(serve, lake, cats=2)
    serve(world(cats=3))
    both_are_ready = threading.Barrier(2)

    def race(_: int) -> Any:
        def observe(event: sync.Event) -> None:
            if event.name == "scope":
                both_are_ready.wait(timeout=60)

        try:
            return sync.sync(chosen(lake), observe)
        except BusyError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        ended = sorted(pool.map(race, range(2)), key=lambda result: isinstance(result, BusyError))
    winner, loser = ended
    assert winner.is_published
    assert f"another sync published {winner.record.run_id} meanwhile" in str(loser)
    store = open_lake(lake)
    assert store.entries("snapshots") == [first.record.run_id, winner.record.run_id]
    assert versions(store) == names(3)
    (lost,) = [document for document in run_log.newest_first(store) if document["outcome"] == "failed"]
    assert len(store.entries(f"raw/{lost['run_id']}")) == 1
    assert not synced(serve, lake, cats=3).is_published


def test_a_run_that_dies_in_a_container_is_resumed_in_another(
    serve: Serve, s3: tuple[str, Proxy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    lake, _ = s3
    with pytest.raises(KeyboardInterrupt):
        serve(world(cats=2))
        sync.sync(chosen(lake), stop_when_listed)
    monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "another"))
    served = serve(world(cats=2))
    result = sync.sync(chosen(lake), lambda _: None)
    assert served.calls("DescribeProjects") == 0
    assert result.record.scopes[0].resumed_from
    assert versions(open_lake(lake)) == names(2)


def stop_when_listed(event: sync.Event) -> None:
    if event.name == "scope":
        raise KeyboardInterrupt


@pytest.mark.parametrize("when", ["PUT", "GET"])
def test_a_lake_that_denies_is_one_clear_error(serve: Serve, s3: tuple[str, Proxy], when: str):
    lake, proxy = s3
    synced(serve, lake, cats=2)
    before = open_lake(lake).pointer()
    proxy.fail("status", when, times=10_000, status=403)
    with pytest.raises(LakeError, match=r"Allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject"):
        synced(serve, lake, cats=3)
    proxy.heal()
    assert open_lake(lake).pointer() == before
    assert synced(serve, lake, cats=3).is_published


def opened(lake: str) -> Any:
    """The lake as `reklake sql` opens it, over the mirror."""
    store = open_lake(lake)
    return database.connect(store.root, snapshot=snapshot.current(store).folder(), prices=Prices())


def test_a_history_that_its_table_tells_is_read_from_any_mirror(
    serve: Serve, s3: tuple[str, Proxy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lake, _ = s3
    for number, cats in enumerate((2, 3, 2)):
        (scope,) = synced(serve, lake, cats=cats).record.scopes
        monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / f"another-{number}"))
        store = open_lake(lake)
        current = snapshot.current(store)
        assert "history" not in store.entries(f"snapshots/{current.id}") or number
        assert (current.since("projects") is None, current.since("project_versions") is None) == (False, number > 0)
        with opened(lake) as con:
            assert con.sql("select count(*) from history.projects where valid_to is null").fetchall() == [(1,)]
            found = con.sql("select valid_to is null from history.project_versions order by version_name").fetchall()
            assert found == [[(True,)] * 2, [(True,)] * 3, [(True,), (True,), (False,)]][number]
            at = scope.listed_at
            assert con.sql(f"select count(*) from as_of.project_versions('{at}')").fetchall() == [(cats,)]
        pull(chosen(lake), tmp_path / "pulled")
        assert snapshot.current(LocalLake(tmp_path / "pulled")).damage() == []
        with duckdb.connect(str(tmp_path / "pulled" / "lake.duckdb"), read_only=True) as con:
            assert con.sql(f"select count(*) from as_of.project_versions('{at}')").fetchall() == [(cats,)]


@pytest.mark.parametrize("name", ["history/project_versions.parquet", "projects.parquet"])
def test_a_file_that_was_damaged_in_s3_is_found(serve: Serve, s3: tuple[str, Proxy], tmp_path: Path, name: str):
    lake, proxy = s3
    first, second = synced(serve, lake, cats=2), synced(serve, lake, cats=3)
    key = f"some/lake/snapshots/{second.record.run_id}/{name}"
    boto3.client("s3", endpoint_url=proxy.url).put_object(Bucket=lake.split("/")[2], Key=key, Body=b"PAR1")
    assert snapshot.current(open_lake(lake)).damage() == [f"{name} is not as it was written"]
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("REKLAKE_CACHE", str(tmp_path / "elsewhere"))
        with pytest.raises(LakeError, match=rf"{name} is not as it was written.*reklake rollback"):
            synced(serve, lake, cats=4)
    assert rollback(chosen(lake), None).record.snapshot == first.record.run_id


@pytest.mark.parametrize("syncs", [1, 2])
def test_a_damaged_mirror_is_fetched_again(serve: Serve, s3: tuple[str, Proxy], syncs: int):
    lake, _ = s3
    for number in range(syncs):
        synced(serve, lake, cats=number + 1)
    path = snapshot.current(open_lake(lake)).file("project_versions", history=True)
    assert (path.parent.name == "history") == (syncs > 1)
    path.write_bytes(path.read_bytes()[:-9] + b"truncated")
    assert synced(serve, lake, cats=3).is_published
    assert versions(open_lake(lake)) == names(3)


def test_the_mirror_of_a_lake_is_no_lake_to_write_to(serve: Serve, s3: tuple[str, Proxy]):
    lake, _ = s3
    synced(serve, lake, cats=2)
    store = open_lake(lake)
    assert not store.is_local
    assert not (store.root / LOCK).exists()
    assert not (store.root / "lake.duckdb").exists()
    assert collect_garbage(Settings(lake, retention=Retention()), is_dry=True) == []

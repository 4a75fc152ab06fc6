"""A lake in S3, over HTTP: moto behind a proxy that injects faults."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from pipeline.emulator import DEFAULT_ACCOUNT, Emulator
from pipeline.errors import BusyError, LakeError, UsageError
from pipeline.lake import Facts, open_lake
from pipeline.lake.s3 import S3Lake
from tests.service.s3_proxy import Proxy, proxy_to, shorten_waits

ODD_NAMES = [
    "plain",
    "a b",
    "a+b",
    "100%25",
    "100%",
    "Größe",
    "ünï\u0308",
    "日本",
    "a&b=c?d#e",
    "~'()*!;:@$,",
    "a\\b",
    '"q"',
]
BIG = 9 << 20
"""Bytes; boto3 uploads in parts from 8 MiB."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def proxy(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    with proxy_to(emulator.url) as running:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
        monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "cache"))
        shorten_waits(monkeypatch)
        yield running


class Store:
    """The bucket as somebody else sees it, past the proxy."""

    def __init__(self, url: str) -> None:
        self.bucket = f"lake-{uuid.uuid4().hex[:12]}"
        self.client = boto3.client("s3", endpoint_url=url, config=Config(max_pool_connections=32))
        self.client.create_bucket(Bucket=self.bucket)

    def names(self) -> list[str]:
        return [found["Key"] for found in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())]

    def put(self, key: str, body: bytes = b"1") -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def body(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def uploads(self) -> list[str]:
        return [found["Key"] for found in self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())]


@pytest.fixture
def store(emulator: Emulator, proxy: Proxy) -> Store:  # noqa: ARG001  # it sets the environment
    return Store(emulator.url)


@pytest.fixture
def lake(store: Store) -> S3Lake:
    opened = open_lake(f"s3://{store.bucket}/some/lake/")
    assert isinstance(opened, S3Lake)
    return opened


@pytest.fixture
def elsewhere(lake: S3Lake, tmp_path: Path) -> S3Lake:
    return seen_from(tmp_path / "elsewhere", lake)


def seen_from(cache: Path, lake: S3Lake) -> S3Lake:
    """Return the same lake as another machine sees it: with a mirror of its own."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("REKLAKE_CACHE", str(cache))
        other = open_lake(str(lake))
        assert cache in other.root.parents
    assert isinstance(other, S3Lake)
    return other


def mirrored(lake: S3Lake) -> list[str]:
    """Every file in the mirror, also those that are being written."""
    return sorted(str(path.relative_to(lake.root)) for path in lake.root.rglob("*") if path.is_file())


def write_snapshot(lake: S3Lake, name: str = "one") -> None:
    with lake.new_folder(f"snapshots/{name}") as new:
        (new.path / "history").mkdir()
        for file in ("manifest.json", "projects.parquet", "history/projects.parquet"):
            (new.path / file).write_text(f"{name} {file}")


# --- what a lake does


def test_a_lake_that_is_not_there_is_empty(lake: S3Lake):
    assert str(lake).endswith("/some/lake")
    assert not lake.exists()
    assert lake.entries() == lake.entries("snapshots") == []
    assert lake.pointer() is None
    assert lake.holder() is None
    assert lake.leftovers() == lake.sweep() == []
    assert list(lake.fetch_folder("snapshots").glob("*")) == []
    lake.remove("runs/one.json")
    for ask in (lake.fetch, lake.facts, lake.read):
        with pytest.raises(FileNotFoundError, match=r"some/lake/runs/one\.json"):
            ask("runs/one.json")
    with pytest.raises(FileNotFoundError):
        lake.link("runs/one.json", "runs/two.json")
    assert lake.size("runs") == lake.size("runs/one.json") == 0
    with lake.locked("first"), lake.locked("second"):
        assert lake.holder() is None
    assert mirrored(lake) == []


def test_a_file_is_uploaded_when_it_is_whole(lake: S3Lake, store: Store, proxy: Proxy, elsewhere: S3Lake):
    with lake.new_file("runs/one.json") as path:
        path.write_bytes(b"abc")
        assert store.names() == []
    assert store.names() == ["some/lake/runs/one.json"]
    assert lake.exists()
    assert lake.read("runs/one.json") == b"abc"
    assert proxy.count("GET", "one.json") == 0  # what was written here need not be fetched
    assert elsewhere.read("runs/one.json") == elsewhere.read("runs/one.json") == b"abc"
    assert proxy.count("GET", "one.json") == 1
    assert lake.facts("runs/one.json") == Facts(3, hashlib.sha256(b"abc").hexdigest())
    lake.write_text("runs/two.json", "ä")
    assert store.body("some/lake/runs/two.json") == "ä".encode()


def test_an_error_in_the_block_uploads_nothing(lake: S3Lake, proxy: Proxy):
    with pytest.raises(ZeroDivisionError), lake.new_file("runs/one.json") as path:
        path.write_bytes(b"abc")
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), lake.new_folder("snapshots/one") as new:
        (new.path / "manifest.json").write_bytes(b"abc")
        _ = 1 / 0
    with lake.new_folder("snapshots/unwanted") as new:
        (new.path / "manifest.json").write_bytes(b"abc")
        new.is_wanted = False
    assert proxy.calls == []
    assert mirrored(lake) == []


def test_a_folder_is_uploaded_with_its_manifest_last(lake: S3Lake, store: Store, proxy: Proxy, elsewhere: S3Lake):
    write_snapshot(lake)
    assert [path.split("/snapshots/")[1] for method, path in proxy.calls if method == "PUT"][-1] == "one/manifest.json"
    assert store.names() == [
        "some/lake/snapshots/one/history/projects.parquet",
        "some/lake/snapshots/one/manifest.json",
        "some/lake/snapshots/one/projects.parquet",
    ]
    assert elsewhere.entries("snapshots/one") == ["history", "manifest.json", "projects.parquet"]
    folder = elsewhere.fetch_folder("snapshots/one")
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "projects.parquet"]
    assert elsewhere.fetch_folder("snapshots/one/history") == folder / "history"
    assert (folder / "history" / "projects.parquet").read_text() == "one history/projects.parquet"
    assert proxy.count("GET", "parquet") == 2
    elsewhere.fetch_folder("snapshots/one")
    lake.fetch_folder("snapshots/one")
    assert proxy.count("GET", "parquet") == 2


def test_a_folder_that_changes_elsewhere(lake: S3Lake, elsewhere: S3Lake, proxy: Proxy):
    for name in ("one", "two"):
        lake.write_text(f"runs/{name}.json", name)
    elsewhere.fetch_folder("runs")
    lake.remove("runs/one.json")
    lake.write_text("runs/three.json", "three")
    folder = elsewhere.fetch_folder("runs")
    assert sorted(path.name for path in folder.iterdir()) == ["three.json", "two.json"]
    (folder / "two.json").write_text("a disk lost the end"[:2])
    elsewhere.fetch_folder("runs")
    assert (folder / "two.json").read_text() == "two"
    assert proxy.count("GET", "three.json") == 1


def test_a_link_stays_when_the_first_is_removed(lake: S3Lake, store: Store, elsewhere: S3Lake, proxy: Proxy):
    content = random.Random(4).randbytes(BIG)
    with lake.new_file("raw/one/a b+ü.parquet") as path:
        path.write_bytes(content)
    sent = proxy.sent
    elsewhere.link("raw/one/a b+ü.parquet", "raw/two/100%.parquet")
    lake.remove("raw/one")
    assert proxy.sent - sent < 10_000  # S3 copies by itself
    assert store.names() == ["some/lake/raw/two/100%.parquet"]
    assert lake.read("raw/two/100%.parquet") == elsewhere.read("raw/two/100%.parquet") == content


def test_files_are_linked_into_a_folder(lake: S3Lake, store: Store, elsewhere: S3Lake, proxy: Proxy):
    write_snapshot(lake)
    before = len(proxy.calls)
    with lake.new_folder("snapshots/two") as new:
        (new.path / "manifest.json").write_text("two")
        new.link("snapshots/one/projects.parquet", "projects.parquet")
        new.link("snapshots/one/history/projects.parquet", "history/projects.parquet")
        assert len(proxy.calls) == before
    assert [path for method, path in proxy.calls if method == "PUT"][-1].endswith("two/manifest.json")
    lake.remove("snapshots/one")
    assert store.body("some/lake/snapshots/two/projects.parquet") == b"one projects.parquet"
    assert elsewhere.read("snapshots/two/history/projects.parquet") == b"one history/projects.parquet"
    fetched = proxy.count("GET", "parquet")
    assert lake.read("snapshots/two/history/projects.parquet") == b"one history/projects.parquet"
    assert proxy.count("GET", "parquet") == fetched  # linked in the mirror too


def test_a_file_to_link_that_is_not_there_leaves_nothing(lake: S3Lake, store: Store):
    with (
        pytest.raises(FileNotFoundError, match=r"one/projects\.parquet"),
        lake.new_folder("snapshots/two") as new,
    ):
        (new.path / "manifest.json").write_text("two")
        (new.path / "versions.parquet").write_text("two")
        new.link("snapshots/one/projects.parquet", "projects.parquet")
    assert store.names() == []
    assert mirrored(lake) == []
    with lake.new_folder("snapshots/unwanted") as new:
        new.link("snapshots/one/projects.parquet", "projects.parquet")
        new.is_wanted = False
    assert lake.entries("snapshots") == []


def test_a_fetched_source_is_linked_elsewhere_only_if_it_is_here(lake: S3Lake, elsewhere: S3Lake):
    write_snapshot(lake)
    with elsewhere.new_folder("snapshots/two") as new:
        new.link("snapshots/one/projects.parquet", "projects.parquet")
    assert mirrored(elsewhere) == []
    assert (elsewhere.fetch_folder("snapshots/two") / "projects.parquet").read_text() == "one projects.parquet"


def test_sizes_are_of_files_and_of_all_in_a_folder(lake: S3Lake):
    for name, text in (("raw/one/a", "1"), ("raw/one/deep/b", "22"), ("raw/one-more", "333")):
        lake.write_text(name, text)
    assert [lake.size(name) for name in ("raw/one", "raw/one-more", "raw", "none")] == [3, 3, 6, 0]


def test_what_is_forgotten_is_fetched_again(lake: S3Lake, proxy: Proxy):
    lake.write_text("runs/one.json", "one")
    lake.fetch("runs/one.json").write_text("a damaged disk")
    lake.forget("runs/one.json")
    assert lake.read("runs/one.json") == b"one"
    assert proxy.count("GET", "one.json") == 1


def test_files_and_folders_are_removed(lake: S3Lake, store: Store, proxy: Proxy):
    write_snapshot(lake)
    for name in ("raw/one/a", "raw/one/b/c", "raw/one-more", "raw/on"):
        lake.write_text(name, "1")
    lake.remove("raw/one")
    assert lake.entries("raw") == ["on", "one-more"]
    before = len(proxy.calls)
    lake.remove("snapshots/one")
    assert [method for method, _ in proxy.calls[before:]] == ["GET", "POST", "POST"]  # the manifest, then the others
    assert store.names() == ["some/lake/raw/on", "some/lake/raw/one-more"]
    assert mirrored(lake) == ["raw/on", "raw/one-more"]
    for name in ("", "/", "..", "raw/../.."):
        with pytest.raises(LakeError, match="cannot be the name"):
            lake.remove(name)
    assert len(store.names()) == 2


@pytest.mark.parametrize("prefix", ["", "/", "deep/er"])
def test_prefixes(store: Store, prefix: str):
    lake = open_lake(f"s3://{store.bucket}/{prefix}")
    store.put("deeper/CURRENT")
    store.put("deep/er-not/CURRENT")
    inside = [] if prefix == "deep/er" else ["deep", "deeper"]
    assert lake.entries() == inside
    assert lake.exists() == bool(inside)
    lake.point("one", None)
    write_snapshot(lake)
    assert lake.entries() == ["CURRENT", *inside, "snapshots"]
    assert lake.entries("snapshots") == ["one"]
    assert lake.fetch_folder("") == lake.root
    assert mirrored(lake) == [
        "CURRENT",
        "snapshots/one/history/projects.parquet",
        "snapshots/one/manifest.json",
        "snapshots/one/projects.parquet",
    ]


def test_odd_names(lake: S3Lake, elsewhere: S3Lake):
    for name in ODD_NAMES:
        lake.write_text(f"raw/{name}/{name}", name)
    assert lake.entries("raw") == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert lake.entries(f"raw/{name}") == [name]
        assert (elsewhere.fetch_folder(f"raw/{name}") / name).read_text() == name
        lake.remove(f"raw/{name}")
    assert lake.entries("raw") == []


def test_what_is_hidden_or_only_marks_a_folder_is_no_entry(lake: S3Lake, store: Store):
    for key in ("", "runs/", "runs/.hidden", "runs/one.json", ".hidden/a", "runs//a", "../a"):
        store.put(f"some/lake/{key}")
    assert lake.entries() == ["runs"]
    assert lake.entries("runs") == ["one.json"]
    assert [path.name for path in lake.fetch_folder("runs").iterdir()] == ["one.json"]


def test_more_names_than_one_answer_holds(lake: S3Lake, store: Store):
    from moto.s3.models import s3_backends  # thousands of calls would take long

    names = [f"{number:04}.json" for number in range(1100)]
    for name in names:
        s3_backends[DEFAULT_ACCOUNT]["aws"].put_object(store.bucket, f"some/lake/runs/{name}", b"{}")
        s3_backends[DEFAULT_ACCOUNT]["aws"].put_object(store.bucket, f"some/lake/raw/{name}/x", b"{}")
    assert lake.entries("runs") == lake.entries("raw") == names
    lake.remove("runs")
    assert lake.entries() == ["raw"]


def test_a_large_file_goes_in_parts(lake: S3Lake, store: Store, elsewhere: S3Lake, proxy: Proxy):
    content = random.Random(1).randbytes(BIG)
    with lake.new_file("raw/one") as path:
        path.write_bytes(content)
    assert proxy.count("PUT", "partNumber") == 2
    assert elsewhere.read("raw/one") == content
    assert lake.facts("raw/one") == Facts(BIG, hashlib.sha256(content).hexdigest())
    assert store.uploads() == []


def test_the_region_and_the_profile_are_the_sessions(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: Proxy
):
    (tmp_path / "config").write_text(
        "[profile analyst]\nregion = eu-west-1\naws_access_key_id = testing\naws_secret_access_key = testing\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    lake = open_lake(f"s3://{store.bucket}/lake", profile="analyst")
    assert not lake.exists()
    assert isinstance(lake, S3Lake)
    assert lake._bucket.client.meta.region_name == "eu-west-1"
    assert len(proxy.calls) == 1
    with pytest.raises(UsageError, match=r"nobody.*Profiles on this machine: analyst"):
        open_lake(f"s3://{store.bucket}/lake", profile="nobody").exists()
    with pytest.raises(UsageError, match="No AWS credentials found"):
        open_lake(f"s3://{store.bucket}/lake").exists()


# --- the pointer


def test_the_pointer_moves_if_it_was_seen_as_it_is(lake: S3Lake, store: Store, elsewhere: S3Lake):
    lake.point("one", None)
    first = lake.pointer()
    assert first is not None
    assert (first.value, store.body("some/lake/CURRENT")) == ("one", b"one\n")
    assert lake.read("CURRENT") == elsewhere.read("CURRENT") == b"one\n"
    elsewhere.point("two", first)
    assert lake.read("CURRENT") == b"two\n"  # never the mirror's
    for seen in (None, first):
        with pytest.raises(
            BusyError, match=r"another sync published two meanwhile; nothing of this run was published\."
        ):
            lake.point("three", seen)
    lake.point("three", lake.pointer())
    lake.remove("CURRENT")
    with pytest.raises(BusyError, match="something removed CURRENT meanwhile"):
        lake.point("four", first)
    assert store.names() == []


@pytest.mark.parametrize("before", [None, "zero"])
def test_of_two_writers_one_publishes(before: str | None, lake: S3Lake, elsewhere: S3Lake, proxy: Proxy):
    if before:
        lake.point(before, None)
    seen = lake.pointer()
    assert (seen.value if seen else None) == before
    proxy.gate = threading.Barrier(2)

    def publish(writer: S3Lake, value: str) -> str:
        try:
            writer.point(value, seen)
        except BusyError as error:
            return str(error)
        return value

    with ThreadPoolExecutor(2) as pool:
        published = list(pool.map(publish, [lake, elsewhere], ["one", "two"]))
    now = lake.pointer()
    assert now is not None
    assert now.value in {"one", "two"}
    loser = published[0 if now.value == "two" else 1]
    assert now.value in published
    assert f"another sync published {now.value} meanwhile" in loser


@pytest.mark.parametrize("before", [None, "zero"])
def test_the_answer_to_a_publication_is_lost(before: str | None, lake: S3Lake, proxy: Proxy):
    if before:
        lake.point(before, None)
    fault = proxy.fail("lost", "PUT", "CURRENT")
    lake.point("one", lake.pointer())  # boto3 tries again, and hears that CURRENT has moved: by itself
    assert fault.seen == 1
    assert lake.read("CURRENT") == b"one\n"
    assert proxy.count("PUT", "CURRENT") == (3 if before else 2)


def test_the_answers_to_all_attempts_are_lost(lake: S3Lake, proxy: Proxy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.lake.bucket.ATTEMPTS", 1)
    proxy.fail("lost", "PUT", "CURRENT")
    lake.point("one", None)
    proxy.fail("reset", "PUT", "CURRENT")
    with pytest.raises(LakeError, match="cannot be reached"):
        lake.point("two", lake.pointer())
    proxy.fail("lost", "PUT", "CURRENT")
    seen = lake.pointer()
    proxy.fail("reset", "GET", "CURRENT")
    with pytest.raises(LakeError, match="It is not known whether two was published"):
        lake.point("two", seen)
    assert lake.read("CURRENT") == b"two\n"


def test_a_passing_conflict_is_tried_again(lake: S3Lake, proxy: Proxy):
    proxy.fail("status", "PUT", "CURRENT", 2, status=409)
    lake.point("one", None)
    assert lake.read("CURRENT") == b"one\n"
    proxy.fail("status", "PUT", "CURRENT", 100, status=409)
    with pytest.raises(BusyError, match="refuses to write CURRENT"):
        lake.point("two", lake.pointer())
    assert lake.read("CURRENT") == b"one\n"


# --- what goes wrong


def each_call(lake: S3Lake) -> dict[str, Callable[[], object]]:
    return {
        "exists": lake.exists,
        "entries": lake.entries,
        "fetch": lambda: lake.fetch("runs/a"),
        "fetch_folder": lambda: lake.fetch_folder("runs"),
        "facts": lambda: lake.facts("runs/a"),
        "write_text": lambda: lake.write_text("runs/b", "1"),
        "link": lambda: lake.link("runs/a", "runs/c"),
        "remove": lambda: lake.remove("runs/c"),
        "pointer": lake.pointer,
        "point": lambda: lake.point("one", None),
        "leftovers": lake.leftovers,
        "sweep": lake.sweep,
    }


def test_every_call_is_tried_again(lake: S3Lake, store: Store, proxy: Proxy):
    store.put("some/lake/runs/a")
    for call in each_call(lake).values():
        faults = [
            proxy.fail("status", status=500),
            proxy.fail("reset"),
            proxy.fail("status", status=503),
            proxy.fail("lost", "GET"),
            proxy.fail("status", status=503),
        ]
        call()
        assert all(fault.seen for fault in faults if not fault.method)
    assert lake.entries() == ["CURRENT", "runs"]
    assert lake.entries("runs") == ["a", "b"]


@pytest.mark.usefixtures("proxy")
def test_the_bucket_is_not_there():
    lake = open_lake("s3://a-bucket-of-nobody/lake")
    assert isinstance(lake, S3Lake)
    calls = each_call(lake)
    del calls["link"]  # HEAD has no body to tell the bucket from the object
    for call in calls.values():
        with pytest.raises(LakeError, match=r"no bucket s3://a-bucket-of-nobody: create it \(aws s3 mb s3://a-bucket"):
            call()


def test_denied(lake: S3Lake, store: Store, proxy: Proxy):
    store.put("some/lake/runs/a")
    proxy.fail("status", times=1000, status=403)
    calls = each_call(lake)
    for name in ("leftovers", "sweep"):  # housekeeping is no reason to fail
        assert calls.pop(name)() == []
    for name, call in calls.items():
        with pytest.raises(LakeError, match=r"Allow s3:ListBucket on the bucket, and s3:GetObject") as raised:
            call()
        assert ("an object that does not exist" in str(raised.value)) == (name in {"fetch", "facts", "link", "pointer"})
    assert store.names() == ["some/lake/runs/a"]
    assert mirrored(lake) == []


def test_an_upload_that_may_not_be_removed(lake: S3Lake, store: Store, proxy: Proxy):
    store.client.create_multipart_upload(Bucket=store.bucket, Key="some/lake/raw/one")
    proxy.fail("status", "DELETE", "uploadId", status=403)
    assert lake.sweep() == []
    assert len(lake.leftovers()) == 1
    proxy.fail("status", "DELETE", "uploadId", status=404, code="NoSuchUpload")  # somebody else was faster
    assert len(lake.sweep()) == 1


def test_one_deletion_of_many_is_denied(lake: S3Lake, store: Store):
    store.put("some/lake/raw/one")
    store.put("some/lake/raw/two")
    answer = {"Errors": [{"Key": "some/lake/raw/two", "Code": "AccessDenied", "Message": "Access Denied"}]}
    lake._bucket.client.meta.events.register("after-call.s3.DeleteObjects", lambda parsed, **_: parsed.update(answer))
    with pytest.raises(LakeError, match=r"raw/two: DeleteObjects: AccessDenied.*Allow s3:ListBucket"):
        lake.remove("raw")


@pytest.mark.parametrize(
    ("code", "status", "remedy"),
    [
        ("ExpiredToken", 400, "does not accept these credentials: renew them"),
        ("InvalidAccessKeyId", 403, "does not accept these credentials"),
        ("RequestTimeTooSkewed", 403, "clock"),
        ("PermanentRedirect", 301, "in another region: set AWS_DEFAULT_REGION"),
        ("NotImplemented", 501, "conditional writes"),
        ("SlowDown", 503, "despite retries"),
        ("InternalError", 500, "despite retries"),
        ("InvalidRequest", 400, "ask AWS support"),
    ],
)
def test_other_answers(code: str, status: int, remedy: str, lake: S3Lake, proxy: Proxy):
    proxy.fail("status", "PUT", times=1000, status=status, code=code)
    with pytest.raises(LakeError, match=f"CURRENT: PutObject: {code}: Injected.*{remedy}"):
        lake.point("one", None)
    assert proxy.count("PUT") == {500: 8, 503: 8, 301: 2}.get(status, 1)


def test_trouble_of_many_threads_is_waited_out(lake: S3Lake, elsewhere: S3Lake, proxy: Proxy):
    with lake.new_folder("snapshots/one") as new:
        for number in range(10, 40):  # a budget of retries for the client, as botocore's standard mode has, ends at 35
            (new.path / str(number)).write_text("1")
            for method in ("PUT", "GET"):
                proxy.fail("reset", method, f"one/{number}", 2)
    assert len([*elsewhere.fetch_folder("snapshots/one").iterdir()]) == 30
    assert proxy.count("PUT", "one/") == proxy.count("GET", "one/") == 90


def test_a_redirect_that_leads_nowhere(lake: S3Lake, proxy: Proxy):
    proxy.fail("status", times=10_000, status=301, code="Moved")
    with pytest.raises(LakeError, match="Check AWS_ENDPOINT_URL: http or https"):
        lake.exists()


def test_nobody_is_there(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.lake.bucket.ATTEMPTS", 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://user:secret@127.0.0.1:1")
    with pytest.raises(LakeError, match=r"cannot be reached.*Check the network, AWS_ENDPOINT_URL") as raised:
        open_lake(f"s3://{store.bucket}").exists()
    assert "secret" not in str(raised.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "not a url")
    with pytest.raises(UsageError, match="The AWS configuration cannot be used"):
        open_lake(f"s3://{store.bucket}").exists()


@pytest.mark.parametrize("kind", ["cut", "stall", "garbled"])
def test_a_body_that_breaks_off_is_fetched_again(
    kind: str, lake: S3Lake, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.lake.bucket.READ_TIMEOUT", 0.5)
    elsewhere = seen_from(tmp_path / "elsewhere", lake)
    content = random.Random(2).randbytes(100_000)
    with lake.new_file("raw/one") as path:
        path.write_bytes(content)
    proxy.fail(kind, "GET", "raw/one", 2)
    assert elsewhere.read("raw/one") == content
    assert proxy.count("GET", "raw/one") == 3
    proxy.fail(kind, "GET", "raw/one", 1)
    assert elsewhere.facts("raw/one") == Facts(len(content), hashlib.sha256(content).hexdigest())


def test_a_body_that_always_breaks_off(lake: S3Lake, store: Store, proxy: Proxy):
    store.put("some/lake/raw/one", b"1" * 100_000)
    for kind in ("cut", "garbled"):
        proxy.fail(kind, "GET", "raw/one", 5)
        with pytest.raises(LakeError, match=r"raw/one: .* same command"):
            lake.fetch("raw/one")
    assert mirrored(lake) == []


@pytest.mark.parametrize("kind", ["cut", "empty", "page"])
def test_a_listing_is_believed_when_it_is_whole(kind: str, lake: S3Lake, store: Store, proxy: Proxy):
    store.put("some/lake/runs/one.json")
    proxy.fail(kind, "GET", "list-type", 3)
    assert lake.entries("runs") == ["one.json"]
    fault = proxy.fail(kind, "GET", "list-type", 100)
    with pytest.raises(LakeError, match=r"the answers are incomplete, or not S3's|Connection was closed"):
        lake.entries("runs")
    fault.times = 0
    proxy.fail("page", "POST", "delete", 1)
    lake.remove("runs")
    assert store.names() == []


def test_faults_while_a_folder_is_fetched(lake: S3Lake, elsewhere: S3Lake, proxy: Proxy):
    with lake.new_folder("snapshots/one") as new:
        for number in range(40):
            (new.path / str(number)).write_text(f"content {number}" * 100)
    for kind, number in itertools.product(("cut", "reset", "garbled"), (3, 33)):
        proxy.fail(kind, "GET", f"one/{number}?")
        proxy.fail(kind, "GET", f"one/{number}")
    folder = elsewhere.fetch_folder("snapshots/one")
    assert all((folder / str(number)).read_text() == f"content {number}" * 100 for number in range(40))
    proxy.fail("status", "GET", "one/7", 100, status=403)
    elsewhere.remove("snapshots/two")
    (folder / "7").unlink()
    with pytest.raises(LakeError, match="one/7: GetObject: AccessDenied"):
        elsewhere.fetch_folder("snapshots/one")
    assert len(mirrored(elsewhere)) == 39


@pytest.mark.parametrize("broken", ["projects.parquet", "manifest.json"])
def test_an_upload_that_fails_leaves_nothing(broken: str, lake: S3Lake, store: Store, proxy: Proxy):
    proxy.fail("status", "PUT", f"one/{broken}", 100, status=403)
    with pytest.raises(LakeError, match=f"one/{broken}: PutObject: AccessDenied"):
        write_snapshot(lake)
    assert store.names() == []
    assert mirrored(lake) == []


def test_an_upload_that_fails_for_good_leaves_no_manifest(
    lake: S3Lake, store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.lake.bucket.ATTEMPTS", 1)
    proxy.fail("reset", "PUT", "one/projects.parquet")
    proxy.fail("reset", "POST", "delete", 100)
    with pytest.raises(LakeError, match=r"one/projects.parquet: S3 cannot be reached"):
        write_snapshot(lake)
    assert not any(key.endswith("manifest.json") for key in store.names())


def test_a_large_upload_that_fails_leaves_no_parts(lake: S3Lake, store: Store, proxy: Proxy):
    proxy.fail("status", "PUT", "partNumber=2", 100, status=403)
    with pytest.raises(LakeError, match="raw/one: UploadPart: AccessDenied"), lake.new_file("raw/one") as path:
        path.write_bytes(b"1" * BIG)
    assert store.names() == store.uploads() == []
    assert mirrored(lake) == []


def test_an_interrupt_leaves_nothing(lake: S3Lake, store: Store, monkeypatch: pytest.MonkeyPatch):
    real = lake._bucket.store

    def interrupted(*files: dict[str, Path]) -> None:
        real(*files)
        raise KeyboardInterrupt

    monkeypatch.setattr(lake._bucket, "store", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_snapshot(lake)
    assert store.names() == []
    assert mirrored(lake) == []


# --- what is left behind


def test_uploads_that_nobody_ends(lake: S3Lake, store: Store, monkeypatch: pytest.MonkeyPatch):
    keys = ["some/lake/raw/one", "some/lake/snapshots/one/a", "some/lake/theirs/a", "some/other/raw/one"]
    for key in keys:
        store.client.create_multipart_upload(Bucket=store.bucket, Key=key)
    with monkeypatch.context() as changed:
        changed.setattr("pipeline.lake.s3.datetime", ClockOf2010)
        assert lake.leftovers() == lake.sweep() == []
    leftovers = lake.leftovers()
    assert [name.split(" (an incomplete upload of ")[0] for name in leftovers] == [
        f"s3://{store.bucket}/{key}" for key in keys[:2]
    ]
    assert lake.sweep() == leftovers
    assert sorted(store.uploads()) == keys[2:]


class ClockOf2010:
    """A clock that stands before every upload: moto says that they began in 2010."""

    @staticmethod
    def now(zone):
        from datetime import datetime

        return datetime(2010, 11, 11, tzinfo=zone)


def test_a_killed_process_leaves_nothing_for_long(lake: S3Lake, store: Store):
    code = """
import os, signal, sys
from pipeline.lake import open_lake
with open_lake(sys.argv[1]).new_folder("snapshots/one") as new:
    (new.path / "a").write_text("1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    here = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code, str(lake)], cwd=here, env=os.environ, check=False)
    assert killed.returncode == -9
    with lake.new_file("runs/one.json") as path:  # of a process that runs: ours
        path.write_text("{}")
        (left,) = lake.leftovers()
        assert lake.sweep() == [left]
        assert lake.leftovers() == []
    assert mirrored(lake) == ["runs/one.json"]
    assert store.names() == ["some/lake/runs/one.json"]


def test_snapshots_leave_the_mirror_and_not_the_lake(lake: S3Lake, elsewhere: S3Lake):
    for name in ("one", "two", "three"):
        write_snapshot(lake, name)
        lake.point(name, lake.pointer())
    for name in ("one", "two"):
        path = lake.root / "snapshots" / name
        then = path.stat().st_mtime - 2 * 24 * 60 * 60
        os.utime(path, (then, then))
    assert lake.fetch("snapshots/two/manifest.json").read_text()  # in use
    write_snapshot(elsewhere, "four")
    lake.fetch_folder("snapshots/four")
    assert sorted(path.name for path in (lake.root / "snapshots").iterdir()) == ["four", "three", "two"]
    assert lake.entries("snapshots") == ["four", "one", "three", "two"]
    assert (lake.fetch_folder("snapshots/one") / "manifest.json").read_text() == "one manifest.json"


def test_two_processes_share_a_mirror(store: Store, lake: S3Lake):
    content = random.Random(3).randbytes(20_000)
    for number in range(20):
        store.put(f"some/lake/raw/one/{number}", content)
    same = [open_lake(str(lake)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda each: each.fetch_folder("raw/one"), same))
    assert len(mirrored(lake)) == 20
    assert all((lake.root / name).read_bytes() == content for name in mirrored(lake))

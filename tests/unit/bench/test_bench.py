from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.config import Config

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    """The benches' modules are found, and their bodies are made for each test."""
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(BENCH / "peers"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def clients(monkeypatch, request):
    """Clients of an endpoint with two projects of 1,000, the second of which is the first by another name."""
    endpoint = importlib.import_module("endpoint")
    monkeypatch.setattr(endpoint, "BASE", 1000)
    world = endpoint.World(2000)
    server = endpoint.Server(world, held_up=getattr(request, "param", 0))
    until, end = os.pipe()
    thread = threading.Thread(target=server.serve, args=(until,))
    thread.start()
    given = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    given |= {"endpoint_url": server.url, "config": Config(retries={"total_max_attempts": 1})}
    made = {name: boto3.client(name, **given) for name in ("rekognition", "sts")}
    yield world, made
    for client in made.values():
        client.close()
    os.close(end)
    thread.join()
    os.close(until)


def listed(client, arn):
    pages = list(client.get_paginator("describe_project_versions").paginate(ProjectArn=arn))
    states = {one["ProjectVersionArn"]: one["Status"] for page in pages for one in page["ProjectVersionDescriptions"]}
    return states, [page.get("NextToken") for page in pages]


@pytest.mark.parametrize("clients", [0, 5], indirect=True, ids=["at once", "some late"])
def test_the_endpoint_lists_every_version_once_with_tokens_that_are_never_the_same(clients):
    _, made = clients
    client = made["rekognition"]
    first, second = (one["ProjectArn"] for one in client.describe_projects()["ProjectDescriptions"])
    states, tokens = listed(client, first)
    others, more = listed(client, second)
    assert len(states) == len(others) == 1000
    assert not states.keys() & others.keys()
    assert tokens[-1] is None
    assert all(tokens[:-1])
    assert len({*tokens[:-1], *more[:-1]}) == 18
    assert made["sts"].get_caller_identity()["Account"] == "111122223333"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_project_versions(ProjectArn=first.replace("line-", "lane-"))


def test_worlds_of_every_kind_have_as_many_versions_in_projects_as_large_as_they_should_be():
    pages, endpoint = importlib.import_module("pages"), importlib.import_module("endpoint")
    for name, kind in pages.KINDS.items():
        answers = [(arn, json.loads(body)) for arn, _, body in pages.read(pages.prepare(300, name))]
        found = [(arn, one) for arn, answer in answers for one in answer["ProjectVersionDescriptions"]]
        assert len({one["ProjectVersionArn"] for _, one in found}) == 300
        assert len({arn for arn, _ in found}) == -(-300 // kind.per_project)
        assert len({frozenset(one) for _, one in found}) == (4 if name == "shapes" else 1)
        assert ("Recall" in found[0][1]["EvaluationResult"]) == (name == "news")
        assert ("\n" in found[0][1].get("VersionDescription", "")) == (name == "escapes")
        listed = b"".join(bytes(detail) for detail in endpoint.World(300, kind=name).projects(None))
        assert len(json.loads(listed)["ProjectDescriptions"]) == -(-300 // kind.per_project)


def test_a_changed_world_has_one_in_a_hundred_with_another_status(clients):
    world, made = clients
    arn = made["rekognition"].describe_projects()["ProjectDescriptions"][1]["ProjectArn"]
    before, _ = listed(made["rekognition"], arn)
    world.changed = 0.01
    after, _ = listed(made["rekognition"], arn)
    changed = {(before[key], after[key]) for key in before if before[key] != after[key]}
    assert sum(before[key] != after[key] for key in before) == 10
    assert changed <= {("RUNNING", "STOPPED"), ("STOPPED", "RUNNING")}


def export(folder, change):
    plain = importlib.import_module("plain_boto3")
    body = next(importlib.import_module("pages").bodies(20))[2]
    versions = json.loads(body)["ProjectVersionDescriptions"]
    for one in versions:
        one["CreationTimestamp"] = one["TrainingEndTimestamp"] = datetime(2026, 1, 1, tzinfo=UTC)
    change(versions)
    tables = {
        "project_versions": [plain.version_row(one, "project") for one in versions],
        "version_assets": [asset for one in versions for asset in plain.asset_rows(one, "project")],
    }
    folder.mkdir()
    for name, rows in tables.items():
        schema = pa.schema([(column, plain.OTHERS.get(column, pa.string())) for column in rows[0]])
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{name}.parquet")


def test_the_listing_alone_asks_for_every_page(clients, monkeypatch):
    _, made = clients
    monkeypatch.setenv("AWS_ENDPOINT_URL", made["sts"].meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert importlib.import_module("ours").listing() == 1 + 20


def test_ours_and_the_loop_over_dicts_export_the_same(tmp_path, monkeypatch):
    file = importlib.import_module("pages").prepare(300)
    plain, equal = importlib.import_module("plain_boto3"), importlib.import_module("equal")
    folders = {name: tmp_path / name for name in ("ours", "plain")}
    for folder in folders.values():
        folder.mkdir()
    importlib.import_module("ours").flatten(str(file), str(folders["ours"]))
    monkeypatch.setattr(sys, "argv", ["plain_boto3.py", "--pages", str(file), str(folders["plain"])])
    plain.main()
    assert equal.same(folders) == "300 versions and 1,800 assets, the same in ours, plain"


def test_exports_are_the_same_in_any_order_and_not_with_one_value_changed(tmp_path):
    equal = importlib.import_module("equal")
    export(tmp_path / "a", lambda _: None)
    export(tmp_path / "b", lambda versions: versions.reverse())
    export(tmp_path / "c", lambda versions: versions[7]["EvaluationResult"].update(F1Score=0.5))
    said = equal.same({name: tmp_path / name for name in "ab"})
    assert said == "20 versions and 120 assets, the same in a, b"
    with pytest.raises(ValueError, match="the exports differ"):
        equal.same({name: tmp_path / name for name in "ac"})


def test_the_peak_that_is_measured_is_the_commands_own():
    measure = importlib.import_module("measure").measure
    ballast = bytearray(b"x") * (64 << 20)
    took = measure([sys.executable, "-S", "-c", "pass"])
    assert len(ballast) > 2 * took["peak_mb"] * 2**20
    assert took["cpu"] > 0
    with pytest.raises(RuntimeError, match="no such luck"):
        measure([sys.executable, "-c", "import sys; sys.exit('no such luck')"])


def test_results_stand_between_the_markers_and_the_page_stays(tmp_path):
    render, section = importlib.import_module("render"), importlib.import_module("section")
    taken = [{"seconds": one} for one in (3.0, 1.0, 2.0)]
    rows = [["sync", section.spread(taken)]]
    made = vars(section.Section("Whole", "As seen.", [(["", "seconds"], rows)]))
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(f"before\n{render.BEGIN}\nold\n{render.END}\nafter\n")
    sections = {"sync": made, "again": made | {"title": "Again", "later": "at noon, by hand"}}
    results.write_text(json.dumps({"machine": {"memory": "1 GiB"}, "sections": sections}))
    render.into(page, results)
    render.into(page, results)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("| sync | 2.00 (1.00..3.00) |") == 2
    assert text.count("Measured at noon, by hand.") == 1
    assert "| memory | 1 GiB |" in text

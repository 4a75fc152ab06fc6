from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture(autouse=True)
def _modules_of_the_benches(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(BENCH / "peers"))


def client(service, region="us-east-1", name="rekognition"):
    return boto3.client(
        name,
        region_name=region,
        endpoint_url=service.url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}),
    )


def listed(rekognition, project_arn):
    pages = list(rekognition.get_paginator("describe_project_versions").paginate(ProjectArn=project_arn))
    statuses = {found["ProjectVersionArn"]: found["Status"] for p in pages for found in p["ProjectVersionDescriptions"]}
    return statuses, [page.get("NextToken") for page in pages]


def test_the_endpoint_lists_every_version_once_in_every_region():
    with importlib.import_module("commands").endpoint(projects=2, each=300) as service:
        rekognition = client(service, "eu-west-1")
        first, second = (found["ProjectArn"] for found in rekognition.describe_projects()["ProjectDescriptions"])
        statuses, tokens = listed(rekognition, first)
        others, more = listed(rekognition, second)
        assert len(statuses) == len(others) == 300
        assert not statuses.keys() & others.keys()
        assert all(arn.startswith(first.rpartition("/")[0].replace("us-east-1", "eu-west-1")) for arn in statuses)
        assert tokens[-1] is None
        assert len({*tokens[:-1], *more[:-1]}) == 4
        assert client(service, name="sts").get_caller_identity()["Account"] == "111122223333"
        with pytest.raises(rekognition.exceptions.ResourceNotFoundException):
            rekognition.describe_project_versions(ProjectArn=first.replace("line-00000", "line-00009"))


def test_a_later_sync_sees_one_in_twenty_versions_changed():
    with importlib.import_module("commands").endpoint(projects=1, each=100) as service:
        rekognition = client(service)
        (project,) = (found["ProjectArn"] for found in rekognition.describe_projects()["ProjectDescriptions"])
        service.show_sync(3)
        before, _ = listed(rekognition, project)
        service.show_sync(4)
        after, _ = listed(rekognition, project)
        assert before.keys() == after.keys()
        assert 0 < sum(before[arn] != after[arn] for arn in before) <= 5


def test_the_endpoint_throttles_what_is_beyond_the_quota():
    with importlib.import_module("commands").endpoint(projects=1, each=1, words=["--rate", "1"]) as service:
        client(service).describe_projects()
        with pytest.raises(client(service).exceptions.ThrottlingException):
            client(service).describe_projects()
        client(service, "us-east-2").describe_projects()
        assert service.counts() == {"answered": 2, "throttled": 1}


def test_ours_and_the_loop_over_dicts_export_the_same_and_a_difference_is_found(tmp_path, monkeypatch):
    pages, equal = importlib.import_module("pages"), importlib.import_module("equal")
    for name, sync_number in (("bodies", 5), ("others", 6)):
        pages.write(tmp_path / name, pages.World(2, 100, sync_number=sync_number))
        folder = tmp_path / f"plain-{name}"
        folder.mkdir()
        monkeypatch.setattr(sys, "argv", ["plain_boto3.py", "--pages", str(tmp_path / name), str(folder)])
        importlib.import_module("plain_boto3").main()
    importlib.import_module("product").flatten(str(tmp_path / "bodies"), str(tmp_path / "ours"))
    said = equal.same({"ours": tmp_path / "ours", "plain": tmp_path / "plain-bodies"})
    assert said.startswith("200 versions and ")
    with pytest.raises(ValueError, match="the exports differ"):
        equal.same({"ours": tmp_path / "ours", "plain": tmp_path / "plain-others"})


def test_the_peak_that_is_measured_is_the_commands_own():
    measure = importlib.import_module("measure").measure
    ballast = bytearray(b"x") * (64 << 20)
    taken = measure([sys.executable, "-S", "-c", "pass"])
    assert len(ballast) > 2 * taken["peak_mb"] * 2**20
    assert taken["cpu_seconds"] > 0
    with pytest.raises(RuntimeError, match="no such luck"):
        measure([sys.executable, "-c", "import sys; sys.exit('no such luck')"])


def test_the_page_says_which_figures_are_within_their_limits():
    run, suites = importlib.import_module("run"), importlib.import_module("suites")
    runs = {"reklake sync": [{"seconds": 2.0, "cpu_seconds": 1.5, "peak_mb": 300.0}]}
    figures = [
        suites.Figure("memory", [300.0], 400, "MB"),
        suites.Figure("start", [900.0, 100.0, 300.0], 250, "ms"),
        suites.Figure("times as fast", [9.0, 10.0], 8, "x", at_least=True),
    ]
    page = run.page({"memory": "1 GiB"}, [suites.Outcome(figures, runs), suites.Outcome([], note="startup failed.")])
    assert "| memory | 300 MB | at most 400 MB | yes |" in page
    assert "| start | 300 ms (100 to 900) | at most 250 ms | **NO** |" in page
    assert "| times as fast | 9.5 x (9 to 10) | at least 8 x | yes |" in page
    assert "| startup failed. |  |  | **NO** |" in page
    assert "| reklake sync | 2.00 | 1.50 | 300 | 1 |" in page
    assert "- Memory: 1 GiB" in page


def test_one_file_imports_the_product():
    files = [*BENCH.glob("*.py"), *BENCH.glob("peers/*.py")]
    found = [path.name for path in files if re.search(r"^\s*(from|import) pipeline\b", path.read_text(), re.MULTILINE)]
    assert found == ["product.py"]

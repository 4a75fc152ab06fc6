"""`reklake explain`: text for people, JSON for programs, exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.cli.explain import lines
from pipeline.emulator import Emulator, StaticWorld
from pipeline.jobs.explain import Explanation, TableRows
from pipeline.model.page import Scope
from tests.cli.conftest import Run
from tests.service.worlds import ACCOUNT, REGION, project, version

CATS = project("cats")
V1, V2 = (version(CATS, name, Status="STOPPED") for name in ("v1", "\x1b[31mv2"))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def lake(reklake: Run, tmp_path: Path) -> Path:
    """A lake of two syncs: v2 went in the second."""
    for versions in ([V1, V2], [{**V1, "Status": "RUNNING"}]):
        with Emulator(StaticWorld({(ACCOUNT, REGION): [(CATS, versions)]})) as endpoint:
            ran = reklake("sync", "--quiet", "--lake", "lake", "--region", REGION, **endpoint.environment())
            assert ran.returncode == 0, ran.stderr
    return tmp_path / "lake"


@pytest.mark.usefixtures("lake")
def test_it_is_text_for_people_and_json_for_programs(reklake: Run):
    ran = reklake("explain", V1["ProjectVersionArn"], "--lake", "lake")
    assert ran.returncode == 0, ran.stderr
    shown = ran.stdout.splitlines()
    assert shown[:3] == [
        f"model version {V1['ProjectVersionArn']}",
        "  is there",
        f"  scope     {ACCOUNT}/{REGION}",
    ]
    assert '  "Status": "RUNNING"' in shown
    assert f"  {'status':<32}  RUNNING" in shown
    assert shown[-3] == "project_versions: 2 states"
    assert shown[-2].endswith("  first seen")
    assert shown[-1].endswith(" to now  status STOPPED -> RUNNING")
    ran = reklake("explain", V1["ProjectVersionArn"], "--lake", "lake", "--format", "json")
    found = json.loads(ran.stdout)
    assert (found["status"], found["account_id"], found["region"]) == ("present", ACCOUNT, REGION)
    assert found["pages"][0]["description"] == {**V1, "Status": "RUNNING"}
    assert [state["status"] for state in found["tables"][0]["states"]] == ["STOPPED", "RUNNING"]
    assert found["tables"][0]["states"][0]["valid_to"] == found["listed_at"]


@pytest.mark.usefixtures("lake")
def test_what_was_there_exits_0_what_was_never_seen_1_and_what_is_no_arn_2(reklake: Run):
    gone = reklake("explain", V2["ProjectVersionArn"], "--lake", "lake")
    assert gone.returncode == 0
    assert "  is gone: not listed since 20" in gone.stdout
    assert "\x1b" not in gone.stdout
    unknown = reklake("explain", project("dogs")["ProjectArn"], "--lake", "lake")
    assert unknown.returncode == 1
    assert "was never seen: check the ARN, or run `reklake sync`" in unknown.stdout
    elsewhere = reklake("explain", project("dogs", region="eu-west-1")["ProjectArn"], "--lake", "lake")
    assert elsewhere.returncode == 1
    assert "reklake sync --region eu-west-1" in elsewhere.stdout
    wrong = reklake("explain", "cats", "--lake", "lake")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_rows_that_differ_from_what_the_page_gives_now_show_both_values():
    row = {"project_arn": CATS["ProjectArn"], "status": "CREATED", "feature": None}
    names = ("account_id", "region", "project_arn", "project_name", "created_at", "status", "feature", "auto_update")
    whole = {name: row.get(name) for name in (*names, "extra")}
    newer = {**whole, "feature": "CUSTOM_LABELS"}
    states = [
        {**whole, "valid_from": NOON, "valid_to": NOON + timedelta(days=1)},
        {**whole, "valid_from": NOON + timedelta(days=2), "valid_to": None},
    ]

    def shown(published: list[dict], flattened: list[dict] | None) -> list[str]:
        rows = TableRows("projects", published, flattened, states)
        return list(
            lines(Explanation(CATS["ProjectArn"], "project", Scope(REGION, ACCOUNT), "s1", None, tables=[rows]))
        )

    assert f"  {'feature':<32}  None published, CUSTOM_LABELS flattened now" in shown([whole], [newer])
    assert "projects, published, but on no landed page now" in shown([whole], [])
    assert "projects, flattened from its page now, but not published" in shown([], [newer])
    assert "projects" in shown([whole], None)
    assert shown([whole], [whole])[-1] == "  2026-11-26T12:00:00.000000Z to now  came back"

"""`reklake plan`: whom a sync would ask, from the settings, Organizations and the records of runs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from pipeline.emulator import Emulator, StaticWorld
from pipeline.lake import LocalLake
from pipeline.lake.run_record import DetailRecord, Outcome, RunRecord, ScopeRecord
from tests.cli.conftest import Run
from tests.service.organizations import Organization

ACCOUNT, OTHER = "111122223333", "444455556666"


@pytest.fixture(scope="module")
def endpoint():
    with Emulator(StaticWorld({})) as running:
        yield running


def rows(ran: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert ran.returncode == 0, ran.stderr
    return list(csv.DictReader(io.StringIO(ran.stdout)))


def listed_before(lake: Path) -> None:
    """Leave the record of a run that listed one account in two regions, one of them in vain."""
    run = RunRecord.begin("sync", {})
    run.scopes = [
        ScopeRecord(
            ACCOUNT,
            "us-east-1",
            Outcome.COMPLETE,
            listed_at="2026-11-23T04:00:00.000000Z",
            calls=104,
            retries=3,
            pages=101,
            projects=40,
            versions=90,
            details=[DetailRecord("datasets", Outcome.COMPLETE)],
        ),
        ScopeRecord(ACCOUNT, "eu-west-1", Outcome.FAILED, calls=7),
    ]
    run.end(Outcome.PARTIAL)
    run.write(LocalLake(lake))


def test_it_shows_each_scope_and_the_sum_and_lists_nothing(reklake: Run, endpoint: Emulator, tmp_path: Path):
    listed_before(tmp_path / "lake")
    before = sorted(tmp_path.rglob("*"))
    asked = ("--lake", "lake", "--region", "us-east-1", "--region", "eu-west-1", "--burst", "1")
    ran = reklake("plan", *asked, "--format", "csv", **endpoint.environment())
    assert rows(ran) == [
        {
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "role_arn": "",
            "profile": "",
            "calls": "",
            "seconds": "",
            "projects": "",
            "versions": "",
            "listed_at": "",
        },
        {
            "account_id": ACCOUNT,
            "region": "us-east-1",
            "role_arn": "",
            "profile": "",
            "calls": "101",
            "seconds": "20",
            "projects": "40",
            "versions": "90",
            "listed_at": "2026-11-23T04:00:00.000000Z",
        },
    ]
    assert ran.stderr == (
        "2 scopes: 1 account, 2 regions; 1 never listed before\n"
        "at least 101 calls; at 5 a second for each operation, account and region the shortest time is about 20 s "
        "(111122223333/us-east-1)\n"
    )
    assert endpoint.calls == []
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_lake_nothing_is_known_and_none_is_made(reklake: Run, endpoint: Emulator, tmp_path: Path):
    role = ("--account", ACCOUNT, "--account", OTHER, "--role", "ReadModels", "--exclude-account", ACCOUNT)
    ran = reklake("plan", *role, "--region", "us-east-1", "--format", "json", **endpoint.environment())
    (row,) = json.loads(ran.stdout)
    assert (row["account_id"], row["role_arn"]) == (OTHER, f"arn:aws:iam::{OTHER}:role/ReadModels")
    assert row["calls"] is None
    assert ran.stderr == "1 scope: 1 account, 1 region; none was listed before\n"
    assert not (tmp_path / "data").exists()
    table = reklake("plan", *role, "--region", "us-east-1", "--with", "none", **endpoint.environment())
    assert OTHER in table.stdout


def test_an_organization_is_planned_with_what_it_leaves_out(reklake: Run, endpoint: Emulator, tmp_path: Path):
    organization = Organization(endpoint.url)
    unit = organization.unit("sales")
    active, suspended = organization.account("active", unit), organization.account("suspended", unit)
    organization.close(suspended)
    (tmp_path / "reklake.toml").write_text('[aws]\norganization = true\nrole = "ReadModels"\nregions = ["all"]\n')
    ran = reklake("plan", "--ou", unit, "--format", "csv", **endpoint.environment())
    assert {row["account_id"] for row in rows(ran)} == {active}
    assert len(rows(ran)) == 11
    assert f"account {suspended} is left out: it is suspended" in ran.stderr
    alone = reklake("plan", "--account", OTHER, "--region", "us-east-1", "--format", "csv", **endpoint.environment())
    assert [row["account_id"] for row in rows(alone)] == [OTHER]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--region", "us-esat-1"], "--region us-esat-1: Rekognition has no such region"),
        (["--organization", "--region", "us-east-1"], "--organization needs --role NAME"),
        (["--ou", "sales"], "--ou sales: the id of an organizational unit looks like ou-ab12-cdef3456"),
        (["--with", "tgas"], "--with tgas: unknown detail (did you mean tags?)"),
        (["--rate", "0"], "--rate 0: give calls a second, above 0"),
        (["--profile", "nobody", "--region", "us-east-1"], "nobody"),
    ],
)
def test_a_mistake_is_one_line(reklake: Run, endpoint: Emulator, arguments: list[str], said: str):
    ran = reklake("plan", *arguments, **endpoint.environment())
    assert ran.returncode == 2
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("reklake: error: ")
    assert said in line


def test_a_mistake_in_the_file_is_named_with_its_line(reklake: Run, tmp_path: Path):
    (tmp_path / "reklake.toml").write_text('# mine\n[aws]\nregions = [\n  "all",\n]\nrate = "fast"\n')
    ran = reklake("plan")
    assert ran.stderr == 'reklake: error: reklake.toml:6: aws.rate is "fast"; it takes a number.\n'

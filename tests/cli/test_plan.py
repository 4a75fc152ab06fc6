"""`reklake plan`: which accounts and regions a sync would query, from the settings, Organizations and the lake."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from pipeline.emulator import Emulator, StaticWorld
from tests.cli.conftest import Run
from tests.service.organizations import Organization
from tests.service.worlds import project, version

ACCOUNT, OTHER = "111122223333", "444455556666"


@pytest.fixture
def endpoint():
    with Emulator(StaticWorld({})) as running:
        yield running


def rows(ran: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert ran.returncode == 0, ran.stderr
    return list(csv.DictReader(io.StringIO(ran.stdout)))


def test_it_shows_each_scope_and_the_sum_and_lists_nothing(reklake: Run, endpoint: Emulator, tmp_path: Path):
    cats = [(project(f"cats{number:02}"), []) for number in range(21)]
    cats[0][1].append(version(cats[0][0], "v1"))
    endpoint.use(StaticWorld({(ACCOUNT, "us-east-1"): cats}))
    where = ("--lake", "lake", "--region", "us-east-1")
    ran = reklake("sync", "--quiet", *where, "--rate", "1000", **endpoint.environment())
    assert ran.returncode == 0, ran.stderr
    before, calls = sorted(tmp_path.rglob("*")), len(endpoint.calls)
    ran = reklake("plan", *where, "--region", "eu-west-1", "--burst", "1", "--format", "csv", **endpoint.environment())
    never, known = rows(ran)
    unknown = dict.fromkeys(("role_arn", "profile", "calls", "seconds", "projects", "versions", "listed_at"), "")
    assert never == {"account_id": ACCOUNT, "region": "eu-west-1", **unknown}
    assert known.pop("listed_at").startswith("20")
    assert known == {
        "account_id": ACCOUNT,
        "region": "us-east-1",
        "role_arn": "",
        "profile": "",
        "calls": "22",
        "seconds": "4",
        "projects": "21",
        "versions": "1",
    }
    assert ran.stderr == (
        "2 scopes: 1 account, 2 regions; 1 never listed before\n"
        "at least 22 calls; at 5 a second for each operation, account and region the shortest time is at least 4 s "
        "(111122223333/us-east-1)\n"
    )
    assert len(endpoint.calls) == calls
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

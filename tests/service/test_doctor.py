"""doctor: credentials, clock, regions, each permission in each account and region, and the lake."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline import settings
from pipeline.emulator import Fault, StaticWorld
from pipeline.emulator.accounts import key_for
from pipeline.errors import UsageError
from pipeline.jobs import doctor
from pipeline.lake import LocalLake
from pipeline.model.finding import Finding, Level
from tests.service.conftest import Served
from tests.service.organizations import Organization, refusing
from tests.service.worlds import ACCOUNT, OTHER, two_by_two, world

Serve = Callable[..., Served]
BOTH = {"regions": ["us-east-1", "eu-west-1"], "accounts": [ACCOUNT, OTHER], "role": "Reader"}
BASIC = "permitted: DescribeProjects, DescribeProjectVersions"


@pytest.fixture(autouse=True)
def no_metadata_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def look(**aws: Any) -> list[Finding]:
    chosen = settings.load(lake="nowhere", environment={}, **{"regions": ["us-east-1"]} | aws)
    return [one for one in doctor.examine(chosen, is_lake=False) if one.subject != "versions"]


def ill(found: list[Finding]) -> list[tuple[str, str, str]]:
    """Level, subject and message of what is not well."""
    return [(str(one.level), one.subject, one.message) for one in found if one.level is not Level.OK]


def of(found: list[Finding], subject: str) -> Finding:
    (one,) = [one for one in found if one.subject == subject]
    return one


def test_where_all_is_well_every_line_says_so(serve: Serve):
    served = serve(two_by_two())
    found = look()
    assert ill(found) == []
    assert [(one.subject, one.message) for one in found] == [
        ("credentials", "found (env)"),
        ("identity", f"arn:aws:sts::{ACCOUNT}:user/moto, account {ACCOUNT}"),
        ("regions", "Custom Labels is offered in us-east-1"),
        ("clock", "agrees with AWS's to 30 s"),
        (f"{ACCOUNT}/us-east-1", f"{BASIC}, DescribeDataset"),
    ]
    assert [call.operation for call in served.endpoint.calls] == [
        "DescribeProjects",
        "DescribeProjectVersions",
        "DescribeDataset",
    ]


def test_every_scope_is_tried_with_the_details_asked_for(serve: Serve):
    served = serve(two_by_two())
    found = look(**BOTH, details=["datasets", "tags", "policies"])
    assert ill(found) == []
    assert of(found, "role").message == "assumed in 2 of 2 accounts"
    assert of(found, "all 4 scopes").message == f"{BASIC}, DescribeDataset, ListTagsForResource, ListProjectPolicies"
    assert len(served.endpoint.calls) == 4 * 5
    assert of(look(details=["none"]), f"{ACCOUNT}/us-east-1").message == BASIC


def test_where_no_project_is_seen_a_made_up_one_tells(serve: Serve):
    served = serve(StaticWorld({}))
    found = look(details=["datasets", "tags", "policies"])
    assert ill(found) == []
    assert [call.error for call in served.endpoint.calls] == [None, *["ResourceNotFoundException"] * 4]
    served.endpoint.use(faults=[Fault("access_denied", operation="DescribeProjectVersions")])
    ((level, _, said),) = ill(look())
    assert level == "fail"
    assert said.endswith("(asked about an ARN that is made up, as there was none to see)")


def test_an_answer_about_a_made_up_arn_that_is_not_understood_is_no_failure(serve: Serve):
    odd = b'{"__type":"InvalidParameterException","Message":"Request has invalid parameters"}'
    faults = [Fault("raw_body", operation="ListTagsForResource", body=odd, status=400)]
    serve(StaticWorld({}), faults=faults)
    ((level, _, said),) = ill(look(details=["tags"]))
    assert level == "warn"
    assert said.startswith("ListTagsForResource: InvalidParameterException: Request has invalid parameters (asked")
    serve(two_by_two(), faults=faults)
    ((level, _, _),) = ill(look(details=["tags"]))
    assert level == "fail"


def test_a_missing_permission_is_named_with_its_remedy(serve: Serve):
    serve(two_by_two(), faults=[Fault("access_denied", operation="DescribeProjectVersions", account=OTHER)])
    found = look(**BOTH)
    (one,) = [one for one in found if one.level is not Level.OK]
    assert (one.level, one.subject) == (Level.FAIL, f"{OTHER}, all 2 regions")
    assert one.message.startswith("DescribeProjectVersions: AccessDeniedException: User: arn:aws:iam::")
    assert one.remedy.startswith(
        "Allow rekognition:DescribeProjects (on *) and rekognition:DescribeProjectVersions for"
    )


def test_a_default_detail_may_be_denied_one_asked_for_by_name_may_not(serve: Serve):
    serve(two_by_two(), faults=[Fault("access_denied", operation="DescribeDataset")])
    ((level, where, said),) = ill(look())
    assert (level, where) == ("warn", f"{ACCOUNT}/us-east-1")
    assert said.endswith("a sync goes on without that detail")
    ((level, _, said),) = ill(look(details=["datasets"]))
    assert level == "fail"
    assert "goes on" not in said


@pytest.mark.parametrize(
    ("kind", "level", "said", "remedy", "calls"),
    [
        ("region_not_enabled", "fail", "UnrecognizedClientException", "eu-west-1 is not enabled for account", 1),
        ("unknown_operation", "fail", "UnknownOperationException", "leave it out with --exclude-region eu-west-1", 1),
        ("html", "fail", "the answer is no DescribeProjects page", "If a proxy stands between, check it", 3),
        ("throttle", "warn", "ThrottlingException: whether it is permitted is not known", "look again in a while", 3),
        ("internal_error", "warn", "InternalServerError: whether it is permitted is not", "look again in a while", 3),
        ("reset", "fail", "the endpoint cannot be reached", "Check the network", 1),
    ],
)
def test_a_region_that_does_not_answer_as_it_should(
    serve: Serve, kind: Any, level: str, said: str, remedy: str, calls: int
):
    served = serve(two_by_two(), faults=[Fault(kind, region="eu-west-1", operation="DescribeProjects")])
    found = look(regions=["us-east-1", "eu-west-1"])
    assert ill(found)[0][:2] == (level, f"{ACCOUNT}/eu-west-1")
    one = next(one for one in found if one.level is not Level.OK)
    assert said in one.message
    assert remedy in one.remedy
    assert len([call for call in served.endpoint.calls if call.region == "eu-west-1"]) == calls
    assert of(found, f"{ACCOUNT}/us-east-1").level is Level.OK


def test_a_role_that_cannot_be_assumed_is_said_once_an_account(serve: Serve):
    serve(two_by_two(), refused=[OTHER])
    found = look(**BOTH)
    assert of(found, "role").message == "assumed in 1 of 2 accounts"
    assert of(found, f"{ACCOUNT}, all 2 regions").level is Level.OK
    one = of(found, f"{OTHER}, all 2 regions")
    assert one.message.startswith("the role cannot be assumed: AccessDenied")
    assert one.remedy.startswith(f"The role must exist in account {OTHER} and trust")


def test_many_scopes_take_few_lines(serve: Serve):
    accounts = [f"{number:012}" for number in range(100_000_000_000, 100_000_000_020)]
    serve(StaticWorld({}), refused=accounts[3:4], faults=[Fault("unknown_operation", region="ap-south-1")])
    found = look(regions=["all"], accounts=accounts, role="Reader")
    assert [(one.level, one.subject) for one in found][4:] == [
        (Level.OK, "role"),
        (Level.OK, "190 of 220 scopes"),
        (Level.FAIL, f"{accounts[3]}, all 11 regions"),
        (Level.FAIL, "ap-south-1, all 19 accounts"),
    ]


def test_regions_are_known_or_not(serve: Serve):
    serve(two_by_two())
    found = look(regions=["eu-south-2", "us-east-1"])
    assert ill(found) == [("warn", "region eu-south-2", "has Rekognition, but AWS does not name it for Custom Labels")]
    assert of(found, "regions").message == "Custom Labels is offered in us-east-1"
    assert of(found, f"{ACCOUNT}, all 2 regions").level is Level.OK
    typo = of(look(regions=["us-esat-1", "us-east-1"]), "targets")
    assert (typo.level, typo.message) == (Level.FAIL, "--region us-esat-1: Rekognition has no such region")
    assert typo.remedy.startswith("Custom Labels is offered in ap-northeast-1")


def test_without_a_region_nobody_is_asked(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(two_by_two())
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    ((level, subject, said),) = ill(look(regions=None))
    assert (level, subject) == ("fail", "targets")
    assert said.startswith("No region: give --region")
    assert served.endpoint.calls == []


def test_without_credentials_it_is_said_what_to_set():
    (found,) = look()
    assert (found.level, found.subject, found.message) == (Level.FAIL, "credentials", "No AWS credentials found")
    assert found.remedy.startswith("Set AWS_PROFILE or AWS_ACCESS_KEY_ID")


def test_each_profile_is_looked_at(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path):
    serve(two_by_two())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(
        "".join(
            f"[{name}]\naws_access_key_id = {key_for(account)}\naws_secret_access_key = testing\n"
            for name, account in {"first": ACCOUNT, "second": OTHER}.items()
        )
    )
    (tmp_path / "config").write_text("[profile broken]\ncredential_process = /nowhere/program\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    found = look(profiles=["first", "second", "nobody", "broken"])
    assert [(one.level, one.message.split(":")[0]) for one in found if one.subject == "credentials"] == [
        (Level.OK, "found (shared-credentials-file, profile first)"),
        (Level.OK, "found (shared-credentials-file, profile second)"),
        (Level.FAIL, "The config profile (nobody) could not be found"),
        (Level.FAIL, "profile broken"),
    ]
    assert of(found, "us-east-1, all 2 accounts").level is Level.OK


@pytest.mark.parametrize(("minutes", "level"), [(5, Level.WARN), (120, Level.OK)])
def test_credentials_that_end_soon_are_told_of(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, minutes: int, level: Level
):
    serve(two_by_two())
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "planted-token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", until.isoformat())
    one = of(look(), "credentials")
    assert one.level is level
    assert one.message.endswith(f"good until {until:%Y-%m-%dT%H:%M:%SZ}")


def test_a_clock_that_is_off_is_found_also_where_sts_refuses(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    serve(two_by_two())
    real = datetime.now
    monkeypatch.setattr("pipeline.extract.clock.now", lambda: real(UTC) + timedelta(minutes=10))
    assert of(look(), "clock").level is Level.FAIL
    monkeypatch.setattr("pipeline.extract.clock.now", lambda: real(UTC) - timedelta(minutes=2))
    assert of(look(), "clock").level is Level.WARN
    monkeypatch.setattr("pipeline.extract.clock.now", lambda: real(UTC) - timedelta(minutes=10))
    with refusing("RequestExpired", "Signature expired.") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        found = look(accounts=[ACCOUNT])
    assert of(found, "clock").level is Level.FAIL
    assert of(found, "identity").level is Level.WARN


def test_where_sts_cannot_be_reached_rekognition_tells_the_time(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    serve(two_by_two())
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    found = look(accounts=[ACCOUNT])
    assert [where for _, where, _ in ill(found)] == ["identity"]
    assert of(found, "clock").level is Level.OK


def test_an_endpoint_that_is_not_there(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    serve(two_by_two())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = look(**BOTH)
    assert [where for _, where, _ in ill(found)] == ["identity", "clock", "all 4 scopes"]
    assert "the endpoint cannot be reached" in of(found, "all 4 scopes").message
    assert [where for _, where, _ in ill(look())] == ["targets"]


def test_an_organization_is_listed_or_it_is_said_why_not(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    organization = Organization(serve(two_by_two()).endpoint.url)
    organization.close(organization.account("gone"))
    organization.account("sales")
    found = look(organization=True, role="Reader")
    assert of(found, "organization").message == "lists its accounts: 2 to list; 1 left out, as they are not active"
    assert of(found, "role").message == "assumed in 1 of 1 account"
    with refusing("AccessDeniedException", "You cannot.") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", url)
        found = look(organization=True, role="Reader")
    one = of(found, "organization")
    assert one.level is Level.FAIL
    assert "AccessDeniedException" in one.message
    assert "allow organizations:ListAccounts" in one.remedy
    monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", "no url")
    assert (
        of(look(organization=True, role="Reader"), "organization").message
        == "--organization: AWS Organizations does not list the accounts: Invalid endpoint: no url"
    )


def test_what_cannot_be_planned_is_a_line(serve: Serve):
    serve(two_by_two())
    one = of(look(accounts=[OTHER]), "targets")
    assert one.level is Level.FAIL
    assert one.remedy == "Give --role NAME to assume a role in the other account"


def test_contradictions_are_wrong_usage(serve: Serve):
    serve(two_by_two())
    with pytest.raises(UsageError, match="--role needs --account or --organization"):
        look(role="Reader")


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An AWS that repeats the request in its refusal, as it does for a signature that does not match."""
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
        "AWS_SECRET_ACCESS_KEY": "planted-secret-key",
        "AWS_SESSION_TOKEN": "planted-session-token",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    said = "The Canonical String should have been\n'" + "\n".join([*secrets.values(), "planted-external-id"]) + "'"
    with refusing("InvalidSignatureException", said) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield [*secrets.values(), "planted-external-id"]


def test_nothing_secret_is_shown(telling: list[str]):
    for aws in ({}, {"accounts": [ACCOUNT]}, BOTH | {"external_id": "planted-external-id"}):
        found = look(**aws)
        # of an answer that is none of STS's nothing is shown at all
        assert any("***" in one.message for one in found) == (aws == {"accounts": [ACCOUNT]})
        for secret in telling if "external_id" in aws else telling[:3]:
            assert secret not in str(found)


def test_the_lake_is_looked_at_also_without_credentials(tmp_path):
    chosen = settings.load(lake=str(tmp_path / "none"), environment={}, regions=["us-east-1"])
    found = list(doctor.examine(chosen))
    assert ill(found)[0][:2] == ("fail", "credentials")
    assert ill(found)[1:] == [("warn", "lake", f"{tmp_path / 'none'}: nothing was published yet")]
    assert not (tmp_path / "none").exists()
    assert "AWS_ACCESS_KEY_ID" not in os.environ


def look_at_lake(lake: Path, *, fix: bool = False) -> list[Finding]:
    return list(doctor.examine(settings.load(lake=str(lake), environment={}), is_aws=False, fix=fix))


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_lake_duckdb_is_rebuilt_by_fix_where_it_is_wrong(serve: Serve, content: bytes | None):
    served = serve(world(cats=2))
    served.sync()
    file = served.lake / "lake.duckdb"
    assert ill(look_at_lake(served.lake)) == []
    file.unlink() if content is None else file.write_bytes(content)
    before = sorted(served.lake.rglob("*"))
    found = of(look_at_lake(served.lake), "lake.duckdb")
    assert found.level is Level.WARN
    assert "reklake doctor --fix" in found.remedy
    assert sorted(served.lake.rglob("*")) == before
    found = of(look_at_lake(served.lake, fix=True), "lake.duckdb")
    assert found.level is Level.OK
    assert found.message.startswith("rebuilt")
    assert ill(look_at_lake(served.lake)) == []
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.sql("select count(*) from project_versions").fetchall() == [(2,)]


def test_fix_leaves_a_right_file_alone_and_waits_for_no_other_writer(serve: Serve):
    served = serve(world(cats=2))
    served.sync()
    file = served.lake / "lake.duckdb"
    before = file.stat().st_ino
    assert of(look_at_lake(served.lake, fix=True), "lake.duckdb").message.startswith("shows snapshot")
    assert file.stat().st_ino == before
    file.write_bytes(b"")
    with LocalLake(served.lake).locked("20260101T000000Z-0000000"):
        found = of(look_at_lake(served.lake, fix=True), "lake.duckdb")
    assert found.level is Level.WARN
    assert "is in use" in found.message
    assert file.read_bytes() == b""


def test_what_the_lake_lacks_is_a_line_each(serve: Serve):
    served = serve(world(cats=2))
    served.sync()
    shutil.rmtree(served.lake / "raw")
    (served.lake / "runs" / "20260101T000000Z-0000000.json").write_text("{")
    (served.lake / "snapshots" / "20200101T000000Z-0000000").mkdir()
    found = {finding.subject: finding for finding in look_at_lake(served.lake) if finding.level is Level.WARN}
    assert found.keys() == {"landed pages", "run records", "snapshot 20200101T000000Z-0000000"}
    assert found["landed pages"].message.startswith("1 of 1 file cannot be read")
    assert found["run records"].message == "runs/20260101T000000Z-0000000.json is no run record"
    assert found["snapshot 20200101T000000Z-0000000"].remedy.startswith("remove snapshots/20200101T000000Z")

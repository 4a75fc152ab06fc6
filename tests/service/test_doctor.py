"""The doctor's look at AWS: credentials, clock, regions, and each permission in each account and region."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline import settings
from pipeline.emulator import Fault, StaticWorld
from pipeline.emulator.accounts import key_for
from pipeline.errors import UsageError
from pipeline.jobs import doctor
from pipeline.model.finding import Finding, Level
from tests.service.conftest import Served
from tests.service.organizations import Organization, refusing
from tests.service.worlds import ACCOUNT, OTHER, two_by_two

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
        ("credentials", "found in environment variables (env)"),
        ("regions", "Custom Labels is offered in us-east-1"),
        ("identity", f"arn:aws:sts::{ACCOUNT}:user/moto, account {ACCOUNT}"),
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


def test_a_permission_that_lacks_is_named_with_its_mend(serve: Serve):
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
    ("kind", "level", "said", "mend", "calls"),
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
    serve: Serve, kind: Any, level: str, said: str, mend: str, calls: int
):
    served = serve(two_by_two(), faults=[Fault(kind, region="eu-west-1", operation="DescribeProjects")])
    found = look(regions=["us-east-1", "eu-west-1"])
    assert ill(found)[0][:2] == (level, f"{ACCOUNT}/eu-west-1")
    one = next(one for one in found if one.level is not Level.OK)
    assert said in one.message
    assert mend in one.remedy
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
    found = look(regions=["us-esat-1", "eu-south-2", "us-east-1"])
    assert ill(found) == [
        ("fail", "region us-esat-1", "Rekognition has no such region"),
        ("warn", "region eu-south-2", "has Rekognition, but AWS does not name it for Custom Labels"),
    ]
    assert of(found, "regions").message == "Custom Labels is offered in us-east-1"
    assert of(found, f"{ACCOUNT}, all 2 regions").level is Level.OK
    assert ill(look(regions=["us-esat-1"])) == [("fail", "region us-esat-1", "Rekognition has no such region")]


def test_without_a_region_nobody_is_asked(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(two_by_two())
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert ill(look(regions=None)) == [("fail", "regions", "there is none to ask")]
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
        (Level.OK, "found in the shared credentials file (shared-credentials-file), profile first"),
        (Level.OK, "found in the shared credentials file (shared-credentials-file), profile second"),
        (Level.FAIL, "The config profile (nobody) could not be found"),
        (Level.FAIL, "--profile broken"),
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
    assert of(found, "identity").message.endswith(f"its account is taken to be {ACCOUNT}")
    assert of(found, "clock").level is Level.OK


def test_an_endpoint_that_is_not_there(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    serve(two_by_two())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = look(**BOTH)
    assert [where for _, where, _ in ill(found)] == ["identity", "clock", "all 4 scopes"]
    assert "the endpoint cannot be reached" in of(found, "all 4 scopes").message
    assert [where for _, where, _ in ill(look())] == ["identity", "clock"]


def test_an_organization_is_listed_or_it_is_said_why_not(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    organization = Organization(serve(two_by_two()).endpoint.url)
    organization.close(organization.account("gone"))
    organization.account("sales")
    found = look(organization=True, role="Reader")
    assert of(found, "organization").message == "lists its accounts: 2 to ask; 1 left out, as they are not active"
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

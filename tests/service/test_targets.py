"""Whom a sync asks: accounts by name, profile and organization, each with the right credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings
from pipeline.emulator import Emulator, StaticWorld
from pipeline.emulator.accounts import key_for
from pipeline.errors import UsageError
from pipeline.extract import CUSTOM_LABELS_REGIONS, Plan, Sessions, plan
from pipeline.extract.organization import LeftOut
from tests.service.organizations import Organization, refusing
from tests.service.worlds import ACCOUNT, OTHER

THIRD = "777788889999"
ROLE = "arn:aws:iam::{}:role/ReadModels"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Emulator]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "REKLAKE_"))]:
        monkeypatch.delenv(name)
    profiles = {"first": ACCOUNT, "second": OTHER, "same": OTHER, "far": THIRD}
    (tmp_path / "credentials").write_text(
        "".join(
            f"[{name}]\naws_access_key_id = {key_for(account)}\naws_secret_access_key = testing\n"
            for name, account in profiles.items()
        )
    )
    (tmp_path / "config").write_text("[profile far]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with Emulator(StaticWorld({})) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def organization(endpoint: Emulator) -> Organization:
    return Organization(endpoint.url)


def planned(**aws: Any) -> Plan:
    chosen = settings.load(environment={}, **{"regions": ["us-east-1"]} | aws).aws
    return plan(chosen, Sessions(chosen))


def callers(made: Plan) -> dict[str, tuple[str | None, str | None]]:
    """Profile and role by account."""
    return {one.caller.account_id: (one.caller.profile, one.caller.role_arn) for one in made.targets}


def regions(made: Plan) -> list[str]:
    return [one.scope.region for one in made.targets]


@pytest.mark.usefixtures("endpoint")
def test_without_more_it_is_the_callers_account_in_its_region():
    made = planned(regions=None)
    assert callers(made) == {ACCOUNT: (None, None)}
    assert regions(made) == ["us-east-1"]
    assert callers(planned(profile="second")) == {OTHER: ("second", None)}


@pytest.mark.usefixtures("endpoint")
def test_regions_are_those_named_without_those_left_out():
    assert regions(planned(regions=["all"])) == list(CUSTOM_LABELS_REGIONS)
    assert regions(planned(regions=["us-west-2", "us-east-1"])) == ["us-east-1", "us-west-2"]
    without = planned(regions=["all", "eu-south-2"], exclude_regions=["eu-west-1", "ap-east-1"])
    assert set(regions(without)) == {*CUSTOM_LABELS_REGIONS, "eu-south-2"} - {"eu-west-1"}
    assert without.targets[0].caller.home == CUSTOM_LABELS_REGIONS[0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"regions": ["us-esat-1"]}, "--region us-esat-1: Rekognition has no such region. Custom Labels is"),
        (
            {"exclude_regions": ["eu-wets-1"]},
            "--exclude-region eu-wets-1: AWS has no such region. Did you mean eu-west",
        ),
        ({"regions": ["all"], "exclude_regions": CUSTOM_LABELS_REGIONS}, "--exclude-region: there is no region left"),
        ({"exclude_accounts": [ACCOUNT]}, "--exclude-account: there is no account left to ask."),
        ({"accounts": [OTHER]}, f"--account {OTHER}: these credentials belong to account {ACCOUNT}."),
        ({"role": "ReadModels"}, "--role needs --account or --organization"),
        ({"profiles": ["first", "second", "same"]}, f"--profile: second and same are both of account {OTHER}"),
        ({"profiles": ["first", "nobody"]}, "nobody"),
    ],
)
@pytest.mark.usefixtures("endpoint")
def test_what_cannot_be_planned_is_said(asked: dict, said: str):
    with pytest.raises(UsageError) as error:
        planned(**asked)
    assert said in str(error.value)


@pytest.mark.usefixtures("endpoint")
def test_a_region_that_boto3_found_is_named_as_such(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "mars-north-1")
    with pytest.raises(UsageError, match="AWS_DEFAULT_REGION or the profile's region is mars-north-1"):
        planned(regions=None)


@pytest.mark.usefixtures("endpoint")
def test_in_named_accounts_the_role_is_assumed_in_the_callers_own_too():
    made = planned(
        accounts=[OTHER, ACCOUNT, THIRD],
        exclude_accounts=[THIRD],
        role="ReadModels",
        regions=["us-west-2", "eu-west-1"],
    )
    assert callers(made) == {one: (None, ROLE.format(one)) for one in (ACCOUNT, OTHER)}
    scopes = [one.scope for one in made.targets]
    assert scopes == sorted(scopes)
    assert len(scopes) == 4
    assert {one.caller.home for one in made.targets} == {"us-west-2"}
    pattern = planned(accounts=[OTHER], role="arn:aws:iam::{account}:role/path/R")
    assert callers(pattern) == {OTHER: (None, f"arn:aws:iam::{OTHER}:role/path/R")}


@pytest.mark.usefixtures("endpoint")
def test_several_profiles_are_an_account_each_in_their_own_regions():
    made = planned(profiles=["second", "first", "far"], regions=None)
    assert callers(made) == {ACCOUNT: ("first", None), OTHER: ("second", None), THIRD: ("far", None)}
    assert [(one.scope.region, one.scope.account_id) for one in made.targets] == [
        ("us-east-1", ACCOUNT),
        ("us-east-1", OTHER),
        ("us-east-1", THIRD),
    ]
    assert callers(planned(profiles=["second", "far"], exclude_accounts=[THIRD])) == {OTHER: ("second", None)}


@pytest.mark.usefixtures("endpoint")
def test_a_profiles_own_region_is_taken_where_none_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(UsageError, match="No region for profile first"):
        planned(profiles=["far", "first"], regions=None)
    assert regions(planned(profile="far", regions=None)) == ["eu-west-1"]


def test_an_organizations_active_accounts_but_for_the_callers_own_by_role(organization: Organization):
    active, suspended, excluded = (organization.account(name) for name in ("active", "suspended", "excluded"))
    organization.close(suspended)
    made = planned(organization=True, role="ReadModels", exclude_accounts=[excluded], profile="first")
    assert callers(made) == {ACCOUNT: ("first", None), active: ("first", ROLE.format(active))}
    assert made.left_out == (LeftOut(suspended, "it is suspended"),)
    assert [one.scope for one in made.targets] == sorted(one.scope for one in made.targets)


def test_units_are_taken_with_all_below_and_without_those_left_out(organization: Organization):
    sales, research = organization.unit("sales"), organization.unit("research")
    north, archive = organization.unit("north", sales), organization.unit("archive", sales)
    deep = organization.unit("deep", archive)
    of = {unit: organization.account(f"in-{unit}", unit) for unit in (sales, research, north, archive, deep)}

    def found(units: list[str], exclude: list[str]) -> set[str]:
        return set(callers(planned(organization=True, role="R", units=units, exclude_units=exclude)))

    assert found([north], []) == {of[north]}
    assert found([sales], []) == {of[one] for one in (sales, north, archive, deep)}
    assert found([sales, north], [archive]) == {of[sales], of[north]}
    assert found([organization.root], [sales]) == {ACCOUNT, of[research]}
    assert found([], [sales]) == {ACCOUNT, of[research]}
    with pytest.raises(UsageError, match=r"^--ou: the organization has no such unit.*ParentNotFoundException"):
        found(["ou-ab12-cdef3456"], [])


def test_an_organization_is_listed_to_its_end(organization: Organization):
    made = [organization.account(f"a{number}") for number in range(25)]  # a page has 20
    assert set(callers(planned(organization=True, role="R"))) == {ACCOUNT, *made}
    assert set(callers(planned(organization=True, role="R", units=[organization.root]))) == {ACCOUNT, *made}


def test_where_no_account_is_left_it_is_said_which_are_left_out(organization: Organization):
    unit = organization.unit("sales")
    account = organization.account("one", unit)
    organization.close(account)
    with pytest.raises(UsageError, match=f"--organization: there is no .* {account} is left out: it is suspended"):
        planned(organization=True, role="R", units=[unit])


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        ("AWSOrganizationsNotInUseException", {}, ["in no organization", "--account"]),
        ("AccessDeniedException", {}, ["delegated administrators", "organizations:ListAccounts,", "--account"]),
        (
            "AccessDeniedException",
            {"units": ["r-ab12"]},
            ["allow organizations:ListAccountsForParent and organizations:ListOrganizationalUnitsForParent,"],
        ),
        ("AccessDeniedException", {"exclude_units": ["r-ab12"]}, ["allow organizations:ListRoots, organizations:List"]),
        ("ServiceException", {}, ["ServiceException", "Try again"]),
    ],
)
@pytest.mark.usefixtures("endpoint")
def test_an_organization_that_cannot_be_listed(monkeypatch: pytest.MonkeyPatch, code: str, more: dict, said: list[str]):
    with refusing(code, "You cannot.") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", url)
        with pytest.raises(UsageError, match=r"^--organization: AWS Organizations does not list the accounts") as error:
            planned(organization=True, role="R", **more)
    assert all(words in str(error.value) for words in said), error.value
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("endpoint")
def test_an_organization_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.extract.organization.ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"does not list the accounts: .*127\.0\.0\.1:9"):
        planned(organization=True, role="R")

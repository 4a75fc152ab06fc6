"""What is alike in many scopes is said once, with where it is so."""

from __future__ import annotations

from itertools import product

from pipeline.extract.permissions import ASSUME_ROLE, Probed, grouped
from pipeline.model.finding import Finding, Level
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS
from pipeline.model.page import Scope

ACCOUNTS = tuple(f"{number:012}" for number in range(1, 11))
REGIONS = ("eu-west-1", "us-east-1", "us-west-2")


def scopes(accounts: int = 10, regions: int = 3) -> list[Scope]:
    return [Scope(region, account) for region, account in product(REGIONS[:regions], ACCOUNTS[:accounts])]


def well(among: list[Scope], operation: str = DESCRIBE_PROJECTS) -> list[Probed]:
    return [Probed(one, operation) for one in among]


def denied(among: list[Scope], operation: str = DESCRIBE_PROJECTS) -> list[Probed]:
    return [
        Probed(one, operation, Level.FAIL, f"arn:aws:iam::{one.account_id}:user/u may not", "allow it", "denied")
        for one in among
    ]


def lines(tried: list[Probed]) -> list[tuple[str, str]]:
    return [(one.subject, one.message) for one in grouped(tried)]


def test_where_all_is_well_there_is_one_line():
    both = well(scopes()) + well(scopes(), DESCRIBE_PROJECT_VERSIONS)
    assert lines(both) == [("all 30 scopes", "permitted: DescribeProjects, DescribeProjectVersions")]
    assert lines(well(scopes(1, 1))) == [(f"{ACCOUNTS[0]}/eu-west-1", "permitted: DescribeProjects")]
    assert [where for where, _ in lines(well(scopes(10, 1)))] == ["eu-west-1, all 10 accounts"]
    assert [where for where, _ in lines(well(scopes(1, 3)))] == [f"{ACCOUNTS[0]}, all 3 regions"]


def test_what_is_not_is_told_account_by_account_or_in_a_whole_region():
    in_account = [one for one in scopes() if one.account_id == ACCOUNTS[3]]
    in_region = [one for one in scopes() if one.region == "us-east-1"]
    two = [Scope("eu-west-1", ACCOUNTS[0]), Scope("us-west-2", ACCOUNTS[0])]
    for ill, where in (
        (in_account, f"{ACCOUNTS[3]}, all 3 regions"),
        (in_region, "us-east-1, all 10 accounts"),
        (two, f"{ACCOUNTS[0]}, eu-west-1, us-west-2"),
        (two[:1], f"{ACCOUNTS[0]}/eu-west-1"),
    ):
        found = list(grouped(well([one for one in scopes() if one not in ill]) + denied(ill)))
        assert [one.subject for one in found if one.level is Level.FAIL] == [where]


def test_of_what_is_well_only_a_number_is_told_where_it_is_scattered():
    ill = [Scope(REGIONS[number % 3], account) for number, account in enumerate(ACCOUNTS)]
    found = list(grouped(well([one for one in scopes() if one not in ill]) + denied(ill)))
    assert [one.subject for one in found] == ["20 of 30 scopes", *(str(one) for one in ill)]


def test_a_line_of_several_accounts_names_none_of_them():
    (found,) = grouped(denied(scopes()))
    assert found == Finding(
        Level.FAIL, "all 30 scopes", "DescribeProjects: arn:aws:iam::<account>:user/u may not", "allow it"
    )
    (one,) = grouped(denied(scopes(1, 3)))
    assert ACCOUNTS[0] in one.message


def test_different_failures_are_not_mixed():
    here, there = scopes(1, 2)
    found = grouped([*denied([here]), Probed(there, DESCRIBE_PROJECTS, Level.FAIL, "no such host", "", "unreachable")])
    assert [one.subject for one in found] == [str(here), str(there)]


def test_accounts_that_cannot_be_entered_do_not_split_what_is_alike_in_the_others():
    closed = [one for one in scopes() if one.account_id == ACCOUNTS[9]]
    rest = [one for one in scopes() if one.account_id != ACCOUNTS[9]]
    ill = [one for one in rest if one.region == "us-west-2"]
    role = [
        Probed(one, ASSUME_ROLE, Level.FAIL, "the role cannot be assumed", "make it", "credentials") for one in closed
    ]
    assert lines([*well([one for one in rest if one not in ill]), *denied(ill), *role])[1:] == [
        ("us-west-2, all 9 accounts", "DescribeProjects: arn:aws:iam::<account>:user/u may not"),
        (f"{ACCOUNTS[9]}, all 3 regions", "the role cannot be assumed"),
    ]

"""Many accounts and regions at once: each ends by itself, as what it is, and a failure is nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline.cli.summary import lines
from pipeline.emulator import Fault, StaticWorld
from pipeline.lake.run_record import Outcome
from tests.service.conftest import Served
from tests.service.worlds import project, rows, version

pytestmark = pytest.mark.usefixtures("unchecked")

Serve = Callable[..., Served]
PROJECTS, VERSIONS = "DescribeProjects", "DescribeProjectVersions"
ACCOUNTS = ["100000000001", "100000000002", "100000000003", "100000000004", "100000000005"]
REGIONS = ["ap-south-1", "eu-west-1", "us-east-1"]


def organization(versions: int = 3) -> StaticWorld:
    """Two projects in each region of each account."""
    scopes: dict[tuple[str, str], Any] = {}
    for account in ACCOUNTS:
        for region in REGIONS:
            listed = [project(name, account, region) for name in ("cats", "dogs")]
            scopes[account, region] = [(one, [version(one, f"v{n}") for n in range(versions)]) for one in listed]
    return StaticWorld(scopes)


def everywhere(served: Served, **more: Any) -> Any:
    return served.sync(**{"regions": REGIONS, "accounts": ACCOUNTS, "role": "Reader"} | more)


def by_scope(result: Any) -> Mapping[tuple[str, str], Any]:
    return {(one.account_id, one.region): one for one in result.record.scopes}


def test_an_organization_with_four_kinds_of_trouble(serve: Serve):
    served = serve(
        organization(),
        tps=1000.0,
        refused=[ACCOUNTS[4]],
        faults=[
            Fault("access_denied", region="eu-west-1"),
            Fault("throttle", account=ACCOUNTS[0], region="us-east-1"),
            Fault("html", account=ACCOUNTS[1], region="ap-south-1"),
        ],
    )
    result = everywhere(served, patience=0.4, max_attempts=4)
    assert result.record.outcome is Outcome.PARTIAL
    kinds = {scope: one.error_kind for scope, one in by_scope(result).items() if one.outcome is Outcome.FAILED}
    assert kinds == {
        **{(account, "eu-west-1"): "denied" for account in ACCOUNTS[:4]},
        **{(ACCOUNTS[4], region): "credentials" for region in REGIONS},
        (ACCOUNTS[0], "us-east-1"): "throttled",
        (ACCOUNTS[1], "ap-south-1"): "bad_answer",
    }
    listed = {(one["account_id"], one["region"]) for one in rows(served.lake, "project_versions")}
    assert listed == by_scope(result).keys() - kinds.keys()
    assert len(rows(served.lake, "project_versions")) == len(listed) * 2 * 3
    assert not [call for call in served.endpoint.calls if call.error == "ThrottlingException" and not call.fault]
    said = "\n".join(lines(result))
    for words in (
        f"account {ACCOUNTS[4]} (3 regions): credentials",
        "must exist in account",
        "region eu-west-1 (4 accounts): denied",
        "Allow rekognition:DescribeProjects",
        f"{ACCOUNTS[0]}/us-east-1: throttled",
        "lower --rate",
        f"{ACCOUNTS[1]}/ap-south-1: bad_answer",
        "proxy",
    ):
        assert words in said


def test_what_failed_keeps_its_rows_in_every_kind_of_trouble(serve: Serve):
    served = serve(organization(versions=2))
    everywhere(served)
    again = serve(
        organization(versions=1),
        lake=served.lake,
        refused=[ACCOUNTS[4]],
        faults=[Fault("access_denied", region="eu-west-1"), Fault("reset", account=ACCOUNTS[0], operation=VERSIONS)],
    )
    result = everywhere(again, patience=0.3, max_attempts=3)
    failed = {scope for scope, one in by_scope(result).items() if one.outcome is Outcome.FAILED}
    assert len(failed) == 3 + 4 + 2  # a whole account, a region of the four others, the rest of one of them
    for account in ACCOUNTS:
        for region in REGIONS:
            of_scope = [
                one
                for one in rows(again.lake, "project_versions")
                if (one["account_id"], one["region"]) == (account, region)
            ]
            assert len(of_scope) == (4 if (account, region) in failed else 2)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("access_denied", "denied", "Allow rekognition:DescribeProjects"),
        ("region_not_enabled", "region_not_enabled", "--exclude-region eu-west-1"),
        (
            "unknown_operation",
            "unsupported",
            "Custom Labels is not offered in eu-west-1",
        ),
        ("internal_error", "service", "Sync again"),
    ],
)
def test_a_region_says_what_is_the_matter_with_it(serve: Serve, fault: str, kind: str, words: str):
    served = serve(organization(), faults=[Fault(fault, region="eu-west-1")])
    result = everywhere(served, accounts=ACCOUNTS[:1], patience=0.3, max_attempts=2)
    failed = [one for one in result.record.scopes if one.outcome is Outcome.FAILED]
    assert [(one.region, one.error_kind) for one in failed] == [("eu-west-1", kind)]
    assert words in failed[0].error


def test_credentials_that_nobody_takes_are_not_taken_for_a_region_that_is_not_enabled(serve: Serve, monkeypatch):
    served = serve(organization(), faults=[Fault("region_not_enabled")])
    monkeypatch.setattr("pipeline.extract.clients.Client.is_accepted_at_home", lambda _: False)
    result = everywhere(served, accounts=ACCOUNTS[:1])
    assert {one.error_kind for one in result.record.scopes} == {"credentials"}
    assert result.record.outcome is Outcome.FAILED


def test_a_region_out_of_reach_delays_nobody_for_longer_than_patience(serve: Serve):
    served = serve(organization(), faults=[Fault("reset", region="ap-south-1")])
    result = everywhere(served, patience=0.3, max_attempts=50)
    assert {one.error_kind for one in result.record.scopes if one.outcome is Outcome.FAILED} == {"unreachable"}
    assert sum(one.outcome is Outcome.COMPLETE for one in result.record.scopes) == 10


def test_a_role_is_assumed_once_an_account_and_clients_are_made_once_a_region(serve: Serve, monkeypatch):
    from pipeline.extract.clients import Clients

    made, assumed = [], []
    real_make, real_credentials = Clients._make, Clients._credentials
    monkeypatch.setattr(Clients, "_make", lambda self, *of: made.append(of) or real_make(self, *of))
    monkeypatch.setattr(
        Clients, "_credentials", lambda self, caller: assumed.append(caller.role_arn) or real_credentials(self, caller)
    )
    everywhere(serve(organization()))
    assert sorted(made) == [("rekognition", None, region) for region in REGIONS]
    assert sorted(assumed) == [f"arn:aws:iam::{account}:role/Reader" for account in ACCOUNTS]


def test_more_scopes_than_may_be_under_way_at_once_all_get_their_turn(serve: Serve):
    served = serve(organization())
    result = everywhere(served, scopes=2)
    assert result.record.outcome is Outcome.COMPLETE
    assert len(rows(served.lake, "project_versions")) == 15 * 2 * 3


def test_strict_publishes_nothing_unless_all_is_complete_and_what_was_listed_is_not_asked_again(serve: Serve):
    from pipeline import settings
    from pipeline.jobs import sync

    served = serve(organization(), faults=[Fault("access_denied", region="eu-west-1")])
    asked = {"regions": REGIONS, "accounts": ACCOUNTS[:2], "role": "Reader", "rate": 1000}
    chosen = settings.load(lake=str(served.lake), environment={}, **asked)
    failed = sync.sync(chosen, lambda _: None, strict=True)
    assert failed.record.outcome is Outcome.FAILED
    assert "--strict" in failed.record.error
    assert not (served.lake / "CURRENT").exists()
    served.endpoint.use(faults=[])
    before = len(served.endpoint.calls)
    whole = sync.sync(chosen, lambda _: None, strict=True)
    assert whole.record.outcome is Outcome.COMPLETE
    assert {call.region for call in served.endpoint.calls[before:]} == {"eu-west-1"}


def test_accounts_that_are_suspended_are_left_out_and_said_so(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    from pipeline.extract.organization import LeftOut
    from pipeline.extract.targets import Plan
    from pipeline.jobs import sync

    real = sync.plan
    left_out = (LeftOut("100000000009", "it is suspended"),)
    monkeypatch.setattr(sync, "plan", lambda *of: Plan(real(*of).targets, left_out))
    result = everywhere(serve(organization()), accounts=ACCOUNTS[:1])
    assert result.record.outcome is Outcome.COMPLETE
    assert result.record.left_out == {"100000000009": "it is suspended"}
    assert "  account 100000000009 skipped: it is suspended" in list(lines(result))

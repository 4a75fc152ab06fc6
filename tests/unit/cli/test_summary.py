"""The end of a run in words: each scope of a few, causes where there are many, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.cli.runs import report
from pipeline.cli.summary import lines
from pipeline.errors import ScopeError
from pipeline.jobs.run_context import RunResult
from pipeline.lake.run_record import DetailRecord, Outcome, RunRecord, ScopeRecord

RUN = "20261123T040000Z-5d1f3a07"
BEFORE = "20261123T030000Z-00000001"
REGIONS = ("eu-west-1", "us-east-1", "us-east-2", "us-west-2")
ACCOUNTS = tuple(f"{number:012}" for number in range(1, 51))
REMEDY = {
    "denied": "Allow rekognition:DescribeProjects for these credentials.",
    "credentials": "The role must exist there and trust these credentials.",
    "unreachable": "Check the network.",
}


def complete(account: str, region: str) -> ScopeRecord:
    return ScopeRecord(account, region, Outcome.COMPLETE, projects=2, versions=1_000, calls=5)


def failed(account: str, region: str, kind: str = "denied") -> ScopeRecord:
    scope = ScopeRecord(account, region, calls=1)
    scope.fail(ScopeError(f"account {account}, region {region}: {REMEDY[kind]}", kind=kind))
    return scope


def of(scopes: Iterable[ScopeRecord], **members: object) -> RunResult:
    """The result of a run of these scopes, as if it had published what it could."""
    listed = list(scopes)
    outcomes = {scope.outcome for scope in listed}
    worst = Outcome.COMPLETE if outcomes == {Outcome.COMPLETE} else Outcome.PARTIAL
    run = RunRecord(RUN, "sync", "2026-11-23T04:00:00.000000Z", {}, worst if len(outcomes) < 2 else Outcome.PARTIAL)
    run.scopes, run.snapshot, run.seconds = listed, RUN, {"total": 12.34}
    if outcomes == {Outcome.FAILED}:
        run.outcome, run.snapshot = Outcome.FAILED, None
    return RunResult(run, {"projects": 11}, **{"is_published": run.snapshot is not None, "checks": ()} | members)


def world(broken: dict[tuple[str, str], str]) -> list[ScopeRecord]:
    """Two hundred scopes, of which these failed."""
    every = [(account, region) for region in REGIONS for account in ACCOUNTS]
    return [failed(*pair, broken[pair]) if pair in broken else complete(*pair) for pair in every]


def told(result: RunResult) -> list[str]:
    return [line.strip() for line in lines(result)]


def causes(result: RunResult) -> list[str]:
    """What is told of failures, of many scopes."""
    found = told(result)
    start = next(at for at, line in enumerate(found) if "failed;" in line)
    return found[start + 1 : found.index("snapshot " + RUN + ": projects 11")]


def test_a_few_scopes_are_told_in_full():
    result = of([complete(ACCOUNTS[0], "eu-west-1"), failed(ACCOUNTS[0], "us-east-1")])
    result.record.scopes[0].throttles = 1_200
    assert list(lines(result)) == [
        f"run {RUN}: partial, 1 of 2 scopes, 6 calls in 12.3 s, 1,200 throttled",
        "  000000000001/eu-west-1: complete, 2 projects, 1,000 versions",
        "  000000000001/us-east-1: failed, 0 projects, 0 versions",
        "    account 000000000001, region us-east-1: Allow rekognition:DescribeProjects for these credentials.",
        f"snapshot {RUN}: projects 11",
    ]


def test_many_scopes_that_are_all_well_are_one_line():
    assert told(of(world({}))) == [
        f"run {RUN}: complete, 1,000 calls in 12.3 s",
        "200 scopes complete: 400 projects, 200,000 versions",
        f"snapshot {RUN}: projects 11",
    ]


def test_an_account_that_failed_alike_everywhere_is_one_line_with_its_remedy():
    (cause,) = causes(of(world({(ACCOUNTS[7], region): "credentials" for region in REGIONS})))
    assert cause.startswith("account 000000000008 (4 regions): credentials: such as: account 000000000008, region")
    assert cause.endswith(REMEDY["credentials"])


def test_an_account_that_failed_in_different_ways_is_told_scope_by_scope():
    kinds = dict(zip(REGIONS, ("denied", "unreachable", "denied", "denied"), strict=True))
    found = causes(of(world({(ACCOUNTS[7], region): kind for region, kind in kinds.items()})))
    assert [line.split(": ")[:2] for line in found] == [
        [f"{ACCOUNTS[7]}/{region}", kinds[region]] for region in REGIONS
    ]


def test_a_region_that_failed_in_most_accounts_is_one_line():
    found = causes(of(world({(account, "us-west-2"): "denied" for account in ACCOUNTS[:26]})))
    assert len(found) == 1
    assert found[0].startswith("region us-west-2 (26 accounts): denied: such as: account 000000000001, region us-west")


def test_a_region_that_failed_in_half_of_the_accounts_is_not_the_cause():
    assert len(causes(of(world({(account, "us-west-2"): "denied" for account in ACCOUNTS[:5]})))) == 5


def test_accounts_regions_and_single_scopes_fail_side_by_side():
    broken = {(account, "eu-west-1"): "denied" for account in ACCOUNTS}
    broken |= {(ACCOUNTS[3], region): "credentials" for region in REGIONS}
    broken[ACCOUNTS[9], "us-east-2"] = "unreachable"
    result = of(world(broken))
    assert "54 scopes failed; their last rows are kept:" in told(result)
    assert "146 scopes complete: 292 projects, 146,000 versions" in told(result)
    assert [line.partition(": account")[0] for line in causes(result)] == [
        "account 000000000004 (4 regions): credentials: such as",
        "region eu-west-1 (49 accounts): denied: such as",
        "000000000010/us-east-2: unreachable",
    ]


def test_causes_beyond_ten_are_counted_with_the_command_that_shows_them():
    broken = {(account, "us-east-1"): "denied" for account in ACCOUNTS[:12]}
    broken |= {(ACCOUNTS[20], region): "denied" for region in REGIONS}
    found = causes(of(world(broken)))
    assert len(found) == 11
    assert found[0].startswith("account 000000000021 (4 regions)")
    assert found[-1] == f"and 3 more: `reklake runs {RUN}` shows all of them"


def test_one_failure_among_many_is_told_in_the_singular():
    assert "1 scope failed; its last rows are kept:" in told(of(world({(ACCOUNTS[0], "us-east-1"): "denied"})))


def test_many_records_are_not_compared_with_one_another(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> bool:
        raise AssertionError("with 10,000 scopes these would be 50 million comparisons")

    result = of(world({(account, "us-east-1"): "denied" for account in ACCOUNTS}))
    monkeypatch.setattr(ScopeRecord, "__eq__", refuse)
    assert len(causes(result)) == 1


@pytest.mark.parametrize("count", [2, 20])
def test_what_was_not_asked_again_says_whose_listing_it_is(count: int):
    scopes = [complete(account, "us-east-1") for account in ACCOUNTS[:count]]
    for scope in scopes:
        scope.resumed_from = BEFORE
    found = [line for line in told(of(scopes)) if "not listed again" in line]
    assert len(found) == (count if count == 2 else 1)
    # with --strict that run lived, and published nothing
    assert all(f"reused from run {BEFORE}, which did not publish" in line for line in found)


def test_details_are_told_by_what_became_of_them_and_why():
    scopes = [complete(account, "us-east-1") for account in ACCOUNTS[:3]]
    for scope in scopes[:2]:
        scope.details = [DetailRecord("tags", Outcome.FAILED, "denied", f"account {scope.account_id}: allow ListTags.")]
    scopes[2].details = [
        DetailRecord("datasets", Outcome.SKIPPED, "denied", "allow DescribeDataset."),
        DetailRecord("policies", Outcome.COMPLETE),
    ]
    found = told(of(scopes))
    assert "tags failed in 2 scopes; its last rows are kept: such as: account 000000000001: allow ListTags." in found
    assert "datasets skipped in 1 scope and not requested by name (--with): allow DescribeDataset." in found
    assert not any("policies" in line for line in found)


def test_accounts_that_were_left_out_are_named_with_the_reason():
    result = of([complete(ACCOUNTS[0], "us-east-1")])
    result.record.left_out = {ACCOUNTS[1]: "it is suspended"}
    assert "account 000000000002 skipped: it is suspended" in told(result)


def test_many_accounts_that_were_left_out_are_told_by_reason():
    result = of([complete(ACCOUNTS[0], "us-east-1")])
    result.record.left_out = dict.fromkeys(ACCOUNTS[1:41], "it is suspended") | {ACCOUNTS[41]: "it is closed"}
    assert [line for line in told(result) if "skipped" in line] == [
        "40 accounts skipped, such as 000000000002: it is suspended",
        "account 000000000042 skipped: it is closed",
    ]


def test_strict_says_that_nothing_was_published_and_why():
    result = of([complete(ACCOUNTS[0], "us-east-1"), failed(ACCOUNTS[0], "eu-west-1")], is_published=False)
    result.record.end(Outcome.FAILED, "nothing is published unless all scopes are complete (--strict)")
    result.record.snapshot = None
    found = told(result)
    assert found[0].startswith(f"run {RUN}: failed, 1 of 2 scopes")
    assert found[-1].startswith("nothing was published; the lake is as it was")
    assert found[-1].endswith("(--strict)")


def test_a_run_that_listed_nothing_says_that_the_lake_is_as_it_was():
    found = told(of([failed(ACCOUNTS[0], "us-east-1")]))
    assert found[0] == f"run {RUN}: failed, 1 call in 12.3 s"
    assert found[-1] == "nothing was published; the lake is as it was"


def test_nothing_changed():
    result = of([complete(ACCOUNTS[0], "us-east-1")], is_published=False)
    result.record.snapshot = BEFORE
    assert told(result)[-1] == f"nothing changed; snapshot {BEFORE} stays"


def test_what_went_wrong_after_publishing_stands_last():
    result = of([complete(ACCOUNTS[0], "us-east-1")], warning="lake.duckdb is not up to date: no room")
    assert told(result)[-1] == "the snapshot stands, but lake.duckdb is not up to date: no room"


def test_what_aws_said_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]):
    scope = failed(ACCOUNTS[0], "us-east-1")
    scope.error = "denied: \x1b[2J\x9b1A\nsnapshot 1: all is well"
    report(of([scope]))
    said = capsys.readouterr().out
    assert "\\x1b[2J" in said
    assert not {"\x1b", "\x9b"} & set(said)
    assert "\nsnapshot 1" not in said

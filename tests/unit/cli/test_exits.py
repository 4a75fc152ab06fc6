"""Which failures make the exit code, as --fail-on says."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import typer

from pipeline.cli.exits import ANY_FAILURE, Exit, FailOn
from pipeline.cli.runs import leave
from pipeline.errors import SCOPE_ERRORS, PageError, ScopeError, UsageError
from pipeline.jobs.run_context import RunResult
from pipeline.lake.run_record import DetailRecord, Outcome, RunRecord, ScopeRecord

ACCOUNT = "111122223333"


def failing(*kinds: str, details: Iterable[DetailRecord] = (), warning: str | None = None) -> RunResult:
    """The result of a run of one complete scope, which has these details, and of others that failed in these ways."""
    good = ScopeRecord(ACCOUNT, "us-east-1", Outcome.COMPLETE, details=list(details))
    scopes = [good]
    for number, kind in enumerate(kinds):
        scopes.append(ScopeRecord(f"{number:012}", "us-east-1"))
        scopes[-1].fail(ScopeError("it is so", kind=kind))
    is_partial = kinds or any(detail.outcome is Outcome.FAILED for detail in good.details)
    run = RunRecord("1", "sync", "", {}, Outcome.PARTIAL if is_partial else Outcome.COMPLETE, scopes=scopes)
    return RunResult(run, {}, is_published=True, checks=(), warning=warning)


def failed() -> RunResult:
    run = RunRecord("1", "sync", "", {}, scopes=[ScopeRecord(ACCOUNT, "us-east-1", error_kind="denied")])
    return RunResult(run, {}, is_published=False, checks=())


def code(*results: RunResult, fail_on: str = "any") -> int:
    try:
        leave(results, FailOn.parse(fail_on))
    except typer.Exit as ended:
        return ended.exit_code
    return Exit.COMPLETE


@pytest.mark.parametrize("fail_on", ["any", "all", "denied", ",".join(SCOPE_ERRORS)])
def test_a_complete_run_is_well_whatever_is_asked(fail_on: str):
    assert code(failing(), fail_on=fail_on) == 0


@pytest.mark.parametrize("fail_on", ["any", "all", "throttled"])
def test_a_run_that_failed_altogether_fails_whatever_is_asked(fail_on: str):
    assert code(failed(), fail_on=fail_on) == Exit.FAILED


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [
        ("any", 3),
        ("all", 0),
        ("denied", 3),
        ("throttled", 0),
        ("throttled,denied", 3),
        (" throttled , unreachable ", 3),
        ("credentials,throttled", 0),
    ],
)
def test_scopes_that_failed_count_by_their_kinds(fail_on: str, expected: int):
    assert code(failing("denied", "unreachable"), fail_on=fail_on) == expected


@pytest.mark.parametrize(("fail_on", "expected"), [("any", 3), ("all", 0), ("denied", 3), ("throttled", 0)])
def test_details_that_failed_count_as_scopes_do(fail_on: str, expected: int):
    details = [DetailRecord("datasets", Outcome.COMPLETE), DetailRecord("tags", Outcome.FAILED, "denied", "no")]
    assert code(failing(details=details), fail_on=fail_on) == expected


@pytest.mark.parametrize("fail_on", ["any", "denied"])
def test_details_that_were_skipped_do_not_count(fail_on: str):
    assert code(failing(details=[DetailRecord("datasets", Outcome.SKIPPED, "denied", "no")]), fail_on=fail_on) == 0


@pytest.mark.parametrize(("fail_on", "expected"), [("any", 3), ("all", 0), ("denied,service", 0)])
def test_what_went_wrong_after_publishing_is_of_no_kind(fail_on: str, expected: int):
    assert code(failing(warning="lake.duckdb is not up to date"), fail_on=fail_on) == expected


def test_a_page_that_cannot_be_read_is_a_bad_answer():
    result = failing()
    result.record.scopes[0].fail(PageError("page 3 is no page"))
    result.record.outcome = Outcome.PARTIAL
    assert code(result, fail_on="bad_answer") == 3
    assert code(result, fail_on="denied") == 0


def test_of_several_runs_the_worst_counts_and_failed_are_only_all():
    assert code(failing(), failing("denied")) == 3
    assert code(failing(), failed()) == 3
    assert code(failed(), failed()) == 1
    assert code(failing(), failing()) == 0


@pytest.mark.parametrize(
    ("fail_on", "wrong"), [("some", "some"), ("", "(empty)"), ("denied,", "(empty)"), ("any,denied", "any"), ("X", "X")]
)
def test_an_unknown_kind_is_wrong_usage_with_the_list_of_those_there_are(fail_on: str, wrong: str):
    with pytest.raises(UsageError) as raised:
        FailOn.parse(fail_on)
    said = str(raised.value)
    assert f"--fail-on {fail_on}: unknown kind of failure {wrong}. Give any, all, or some of " in said
    assert all(kind in said for kind in SCOPE_ERRORS)


def test_every_kind_that_a_scope_can_fail_with_can_be_given():
    for kind in SCOPE_ERRORS:
        assert FailOn.parse(kind).is_met(failing(kind))
        assert ANY_FAILURE.is_met(failing(kind))

"""The report at the end of a run, in a few lines: what failed, where, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.jobs.units import counted

if TYPE_CHECKING:
    from pipeline.jobs.run_context import RunResult
    from pipeline.lake.run_record import DetailRecord, ScopeRecord

FEW_SCOPES = 12
"""Up to this number, each scope has a line of its own."""
SHOWN_FAILURES = 10
"""Causes of failure that are shown in full."""


def lines(result: RunResult) -> Iterator[str]:
    """Yield the lines of the report."""
    from pipeline.lake.run_record import Outcome

    record = result.record
    failed = [scope for scope in record.scopes if scope.outcome is Outcome.FAILED]
    yield _headline(result, len(failed))
    if len(record.scopes) <= FEW_SCOPES:
        yield from _each_scope(record.scopes)
    else:
        yield from _all_scopes(record.run_id, record.scopes, failed)
    yield from _details(record.scopes)
    yield from _left_out(record.left_out)
    if result.is_published:
        rows = ", ".join(f"{name} {count:,}" for name, count in result.rows.items())
        yield f"snapshot {record.snapshot}: {rows}"
    elif record.outcome is Outcome.FAILED:
        reason = f": {record.error}" if record.error else ""
        yield f"nothing was published; the lake is as it was{reason}"
    else:
        yield f"nothing changed; snapshot {record.snapshot} stays"
    for check in result.checks:
        yield f"check {check.name} ({check.severity}): {counted(check.rows, 'row')}; see `reklake check`"
    if result.warning:
        yield f"the snapshot stands, but {result.warning}"


def _headline(result: RunResult, failed: int) -> str:
    record, scopes = result.record, result.record.scopes
    calls, throttles = sum(scope.calls for scope in scopes), sum(scope.throttles for scope in scopes)
    line = f"run {record.run_id}: {record.outcome}"
    if failed and len(scopes) > failed:
        line += f", {len(scopes) - failed:,} of {len(scopes):,} scopes"
    if calls:
        line += f", {counted(calls, 'call')} in {record.seconds.get('total', 0.0):,.1f} s"
    return line + (f", {throttles:,} throttled" if throttles else "")


def _each_scope(scopes: Sequence[ScopeRecord]) -> Iterator[str]:
    shown: set[str] = set()
    for scope in scopes:
        found = f"{counted(scope.projects, 'project')}, {counted(scope.versions, 'version')}"
        yield f"  {scope.scope}: {scope.outcome}, {found}"
        if scope.resumed_from:
            yield f"    not listed again: reused from run {scope.resumed_from}, which did not publish it"
        if scope.error:
            yield f"    {'same as above' if scope.error in shown else scope.error}"
            shown.add(scope.error)


def _all_scopes(run_id: str, scopes: Sequence[ScopeRecord], failed: Sequence[ScopeRecord]) -> Iterator[str]:
    from pipeline.lake.run_record import Outcome

    whole = [scope for scope in scopes if scope.outcome is not Outcome.FAILED]
    projects, versions = sum(scope.projects for scope in whole), sum(scope.versions for scope in whole)
    yield f"  {counted(len(whole), 'scope')} complete: {counted(projects, 'project')}, {counted(versions, 'version')}"
    resumed = Counter(scope.resumed_from for scope in whole if scope.resumed_from)
    for source, count in resumed.items():
        yield f"    {count:,} not listed again: reused from run {source}, which did not publish them"
    if failed:
        yield f"  {counted(len(failed), 'scope')} failed; {'its' if len(failed) == 1 else 'their'} last rows are kept:"
    groups = list(_by_cause(scopes, failed))
    for where, group in groups[:SHOWN_FAILURES]:
        yield f"    {where}: {group[0].error_kind}: {_such_as(group)}{group[0].error}"
    if len(groups) > SHOWN_FAILURES:
        more = sum(len(group) for _, group in groups[SHOWN_FAILURES:])
        yield f"    and {more:,} more: `reklake runs {run_id}` shows all of them"


def _by_cause(
    scopes: Sequence[ScopeRecord], failed: Iterable[ScopeRecord]
) -> Iterator[tuple[str, Sequence[ScopeRecord]]]:
    """Yield failures in groups: a whole account, or a region in most accounts, that failed in one way is one group."""
    left = list(failed)
    for field, name, others in (("account_id", "account", "regions"), ("region", "region", "accounts")):
        sizes = Counter(getattr(scope, field) for scope in scopes)
        alike: dict[tuple[str, str], list[ScopeRecord]] = defaultdict(list)
        for scope in left:
            alike[getattr(scope, field), str(scope.error_kind)].append(scope)
        for (value, _), group in sorted(alike.items()):
            is_all = field == "account_id" and len(group) == sizes[value]
            # most are enough for a region: the accounts that failed as a whole are already in groups of their own
            is_most = field == "region" and 2 * len(group) > sizes[value]
            if len(group) > 1 and (is_all or is_most):
                yield f"{name} {value} ({len(group):,} {others})", group
                grouped = {scope.scope for scope in group}
                left = [scope for scope in left if scope.scope not in grouped]
    for scope in left:
        yield str(scope.scope), [scope]


def _details(scopes: Sequence[ScopeRecord]) -> Iterator[str]:
    """Yield the details that could not be listed, a line for each detail and reason."""
    from pipeline.lake.run_record import Outcome

    alike: dict[tuple[str, Outcome, str | None], list[DetailRecord]] = defaultdict(list)
    for scope in scopes:
        for detail in scope.details:
            if detail.outcome is not Outcome.COMPLETE:
                alike[detail.detail, detail.outcome, detail.error_kind].append(detail)
    for (name, outcome, _), group in alike.items():
        note = "; its last rows are kept" if outcome is Outcome.FAILED else " and not requested by name (--with)"
        yield f"  {name} {outcome} in {counted(len(group), 'scope')}{note}: {_such_as(group)}{group[0].error}"


def _left_out(accounts: Mapping[str, str]) -> Iterator[str]:
    """Yield the accounts that were not asked: one by one, or by their reasons if there are many."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for account, reason in accounts.items():
        by_reason[reason].append(account)
    for reason, skipped in by_reason.items():
        if len(skipped) > SHOWN_FAILURES:
            yield f"  {len(skipped):,} accounts skipped, such as {skipped[0]}: {reason}"
        else:
            yield from (f"  account {account} skipped: {reason}" for account in skipped)


def _such_as(alike: Sequence[object]) -> str:
    return "such as: " if len(alike) > 1 else ""

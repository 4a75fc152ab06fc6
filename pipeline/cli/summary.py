"""The end of a run in a few lines that a person can act on: what failed, where, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.jobs.run_context import Result
    from pipeline.lake.run_record import DetailRecord, ScopeRecord

FEW_SCOPES = 12
"""Up to so many scopes have a line each."""
SHOWN_FAILURES = 10
"""Causes of failure that are told in full."""


def lines(result: Result) -> Iterator[str]:
    """Yield the lines of the summary."""
    from pipeline.lake.run_record import Outcome

    record = result.record
    scopes = record.scopes
    failed = [one for one in scopes if one.outcome is Outcome.FAILED]
    yield _headline(result, len(failed))
    if len(scopes) <= FEW_SCOPES:
        told: set[str] = set()
        for one in scopes:
            yield f"  {one.scope}: {one.outcome}, {_count(one.projects, 'project')}, {_count(one.versions, 'version')}"
            if one.resumed_from:
                yield f"    not asked again: listed by run {one.resumed_from}, which did not publish it"
            if one.error:
                yield f"    {'as said above' if one.error in told else one.error}"
                told.add(one.error)
    else:
        yield from _in_sum(record.run_id, scopes, failed)
    yield from _details(scopes)
    yield from _left_out(record.left_out)
    if result.is_published:
        rows = ", ".join(f"{name} {count:,}" for name, count in result.rows.items())
        yield f"snapshot {record.snapshot}: {rows}"
    elif record.outcome is Outcome.FAILED:
        why = f": {record.error}" if record.error else ""
        yield f"nothing was published; the lake is as it was{why}"
    else:
        yield f"nothing changed; snapshot {record.snapshot} stays"
    for check in result.checks:
        yield f"check {check.name} ({check.severity}): {check.rows:,} rows; see `reklake check`"
    if result.warning:
        yield f"the snapshot stands, but {result.warning}"


def _headline(result: Result, failed: int) -> str:
    record = result.record
    scopes = record.scopes
    calls, throttles = sum(one.calls for one in scopes), sum(one.throttles for one in scopes)
    told = f"run {record.run_id}: {record.outcome}"
    if failed and len(scopes) > failed:
        told += f", {len(scopes) - failed:,} of {len(scopes):,} scopes"
    if calls:
        told += f", {_count(calls, 'call')} in {record.seconds.get('total', 0.0):,.1f} s"
    return told + (f", {throttles:,} throttled" if throttles else "")


def _in_sum(run_id: str, scopes: Sequence[ScopeRecord], failed: Sequence[ScopeRecord]) -> Iterator[str]:
    from pipeline.lake.run_record import Outcome

    whole = [one for one in scopes if one.outcome is not Outcome.FAILED]
    projects, versions = sum(one.projects for one in whole), sum(one.versions for one in whole)
    yield f"  {_count(len(whole), 'scope')} complete: {_count(projects, 'project')}, {_count(versions, 'version')}"
    resumed = Counter(one.resumed_from for one in whole if one.resumed_from)
    for of_run, count in resumed.items():
        yield f"    {count:,} not asked again: listed by run {of_run}, which did not publish them"
    if failed:
        yield f"  {_count(len(failed), 'scope')} failed; {'its' if len(failed) == 1 else 'their'} last rows are kept:"
    groups = list(_groups(scopes, failed))
    for where, of in groups[:SHOWN_FAILURES]:
        yield f"    {where}: {of[0].error_kind}: {_such_as(of)}{of[0].error}"
    if len(groups) > SHOWN_FAILURES:
        more = sum(len(of) for _, of in groups[SHOWN_FAILURES:])
        yield f"    and {more:,} more: `reklake runs {run_id}` has them all"


def _groups(
    scopes: Sequence[ScopeRecord], failed: Iterable[ScopeRecord]
) -> Iterator[tuple[str, Sequence[ScopeRecord]]]:
    """Yield failures by cause: where a whole account, or a region in every account, failed alike, as one."""
    left = list(failed)
    sizes = {of: Counter(getattr(one, of) for one in scopes) for of in ("account_id", "region")}
    for of, name, others in (("account_id", "account", "regions"), ("region", "region", "accounts")):
        alike: dict[tuple[str, str | None], list[ScopeRecord]] = defaultdict(list)
        for one in left:
            alike[getattr(one, of), one.error_kind].append(one)
        for (value, _), group in sorted(alike.items(), key=lambda item: str(item[0])):
            is_all = of == "account_id" and len(group) == sizes[of][value]
            # of a region, those accounts are missing that have failed altogether
            is_most = of == "region" and 2 * len(group) > sizes[of][value]
            if len(group) > 1 and (is_all or is_most):
                yield f"{name} {value} ({len(group):,} {others})", group
                told = {one.scope for one in group}
                left = [one for one in left if one.scope not in told]
    for one in left:
        yield str(one.scope), [one]


def _details(scopes: Sequence[ScopeRecord]) -> Iterator[str]:
    """Yield what could not be had beside the listings, a line for each detail and reason."""
    from pipeline.lake.run_record import Outcome

    alike: dict[tuple[str, Outcome, str | None], list[tuple[ScopeRecord, DetailRecord]]] = defaultdict(list)
    for scope in scopes:
        for detail in scope.details:
            if detail.outcome is not Outcome.COMPLETE:
                alike[detail.detail, detail.outcome, detail.error_kind].append((scope, detail))
    for (name, outcome, _), group in alike.items():
        kept = "; its last rows are kept" if outcome is Outcome.FAILED else " and not asked for by name (--with)"
        yield f"  {name} {outcome} in {_count(len(group), 'scope')}{kept}: {_such_as(group)}{group[0][1].error}"


def _left_out(accounts: Mapping[str, str]) -> Iterator[str]:
    """Yield the accounts that were not asked: one by one, or many by their reasons."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for account, reason in accounts.items():
        by_reason[reason].append(account)
    for reason, of in by_reason.items():
        if len(of) > SHOWN_FAILURES:
            yield f"  {len(of):,} accounts skipped, such as {of[0]}: {reason}"
        else:
            yield from (f"  account {account} skipped: {reason}" for account in of)


def _such_as(alike: Sequence[object]) -> str:
    return "such as: " if len(alike) > 1 else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

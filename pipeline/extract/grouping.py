"""Findings of many scopes in few lines: what is alike in many scopes is reported once, with where it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from pipeline.extract.permissions import ASSUME_ROLE, Probed
from pipeline.model.finding import Finding, Level
from pipeline.model.page import Scope

FEW = 5
"""Up to so many places where all is permitted have a line each; more share one."""
T = TypeVar("T")
_ARN = re.compile(r"\barn:[^\s,;)]+")


def grouped(results: Sequence[Probed]) -> Iterator[Finding]:
    """Yield the findings of all scopes: first what is permitted, then what is not, each with its remedy."""
    planned = _distinct(result.scope for result in results)
    closed = {result.scope for result in results if result.operation == ASSUME_ROLE}
    entered = [scope for scope in planned if scope not in closed]
    yield from _permitted(results, planned)
    alike: dict[tuple[str, ...], list[Probed]] = {}
    for result in results:
        if result.level is not Level.OK:
            alike.setdefault((result.operation, result.level, _pattern(result)), []).append(result)
    for group in alike.values():
        by_scope = {result.scope: result for result in reversed(group)}
        is_role = group[0].operation == ASSUME_ROLE
        # "all" means all scopes that could be probed: those whose role cannot be assumed say nothing of permissions
        for where, scopes in _places(_distinct(result.scope for result in group), planned if is_role else entered):
            first = by_scope[scopes[0]]
            message = first.message if is_role else f"{first.operation}: {first.message}"
            yield Finding(first.level, where, _of_all(message, scopes), _of_all(first.remedy, scopes))


def _permitted(results: Iterable[Probed], planned: Sequence[Scope]) -> Iterator[Finding]:
    operations: dict[Scope, list[str]] = {}
    for result in results:
        if result.level is Level.OK:
            operations.setdefault(result.scope, []).append(result.operation)
    alike: dict[tuple[str, ...], list[Scope]] = {}
    for scope, names in operations.items():
        alike.setdefault(tuple(names), []).append(scope)
    for permitted, scopes in alike.items():
        places = [where for where, _ in _places(scopes, planned)]
        if len(places) > FEW:
            places = [f"{len(scopes):,} of {len(planned):,} scopes"]
        for where in places:
            yield Finding(Level.OK, where, f"permitted: {', '.join(permitted)}")


def _pattern(result: Probed) -> str:
    """Return a result's text without the names that differ from scope to scope."""
    text = _ARN.sub("#", f"{result.message} {result.remedy}")
    return text.replace(result.scope.account_id, "#").replace(result.scope.region, "#")


def _of_all(text: str, scopes: Sequence[Scope]) -> str:
    """Return the first scope's text as one of all: without an account or region that is only its own."""
    if len({scope.account_id for scope in scopes}) > 1:
        text = text.replace(scopes[0].account_id, "<account>")
    if len({scope.region for scope in scopes}) > 1:
        text = text.replace(scopes[0].region, "<region>")
    return text


def _places(scopes: Sequence[Scope], planned: Sequence[Scope]) -> Iterator[tuple[str, list[Scope]]]:
    """Name where the scopes are, with as few names as possible: everywhere, in whole regions, in accounts."""
    accounts, regions = {scope.account_id for scope in planned}, {scope.region for scope in planned}
    if len(scopes) == len(planned) and len(accounts) > 1 and len(regions) > 1:
        yield f"all {len(planned):,} scopes", list(scopes)
        return
    left = list(scopes)
    for region in _distinct(scope.region for scope in scopes):
        within = [scope for scope in scopes if scope.region == region]
        if len(within) > 1 and len(within) == sum(scope.region == region for scope in planned):
            yield f"{region}, all {len(within):,} accounts", within
            left = [scope for scope in left if scope.region != region]
    for account in _distinct(scope.account_id for scope in left):
        within = [scope for scope in left if scope.account_id == account]
        if len(within) == 1:
            yield str(within[0]), within
        elif len(within) == sum(scope.account_id == account for scope in planned):
            yield f"{account}, all {len(within):,} regions", within
        else:
            yield f"{account}, {', '.join(scope.region for scope in within)}", within


def _distinct(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))

"""Many scopes in few lines: what is alike in many of them is said once, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pipeline.extract.permissions import ASSUME_ROLE, Tried
from pipeline.model.finding import Finding, Level
from pipeline.model.page import Scope

FEW = 5
"""So many accounts that are well have a line each; more have one together."""
_ARN = re.compile(r"\barn:[^\s,;)]+")


def condensed(tried: Sequence[Tried]) -> Iterator[Finding]:
    """Yield what was found in all scopes: first where all is permitted, then what is not, each with its mend."""
    planned = list(dict.fromkeys(one.scope for one in tried))
    closed = {one.scope for one in tried if one.operation == ASSUME_ROLE}
    entered = [one for one in planned if one not in closed]
    yield from _permitted(tried, planned)
    alike: dict[tuple[str, ...], list[Tried]] = {}
    for one in tried:
        if one.level is not Level.OK:
            alike.setdefault((one.operation, one.level, _as_pattern(one)), []).append(one)
    for found in alike.values():
        first_of = {one.scope: one for one in reversed(found)}
        beside = planned if found[0].operation == ASSUME_ROLE else entered  # what is alike wherever one could look
        for where, scopes in _places(list(dict.fromkeys(one.scope for one in found)), beside):
            first = first_of[scopes[0]]
            message = first.message if first.operation == ASSUME_ROLE else f"{first.operation}: {first.message}"
            yield Finding(first.level, where, _of_all(message, scopes), _of_all(first.mend, scopes))


def _permitted(tried: Iterable[Tried], planned: Sequence[Scope]) -> Iterator[Finding]:
    operations: dict[Scope, list[str]] = {}
    for one in tried:
        if one.level is Level.OK:
            operations.setdefault(one.scope, []).append(one.operation)
    alike: dict[tuple[str, ...], list[Scope]] = {}
    for scope, names in operations.items():
        alike.setdefault(tuple(names), []).append(scope)
    for permitted, scopes in alike.items():
        places = list(_places(scopes, planned))
        if len(places) > FEW:
            places = [(f"{len(scopes):,} of {len(planned):,} scopes", scopes)]
        for where, _ in places:
            yield Finding(Level.OK, where, f"permitted: {', '.join(permitted)}")


def _as_pattern(one: Tried) -> str:
    """Return what was said without the names that differ from scope to scope."""
    text = _ARN.sub("#", f"{one.message} {one.mend}")
    return text.replace(one.scope.account_id, "#").replace(one.scope.region, "#")


def _of_all(text: str, scopes: Sequence[Scope]) -> str:
    """Return what was said of the first scope as said of all: without the account or region that is only its own."""
    if len({one.account_id for one in scopes}) > 1:
        text = text.replace(scopes[0].account_id, "<account>")
    if len({one.region for one in scopes}) > 1:
        text = text.replace(scopes[0].region, "<region>")
    return text


def _places(scopes: Sequence[Scope], planned: Sequence[Scope]) -> Iterator[tuple[str, list[Scope]]]:
    """Say where, in as few lines as it takes: everywhere, in whole regions, in accounts."""
    if len(scopes) == len(planned) > 1:
        accounts, regions = {one.account_id for one in planned}, {one.region for one in planned}
        if len(accounts) > 1 and len(regions) > 1:
            yield f"all {len(planned):,} scopes", list(scopes)
            return
    left = list(scopes)
    for region in dict.fromkeys(one.region for one in scopes):
        here = [one for one in scopes if one.region == region]
        if len(here) > 1 and len(here) == sum(one.region == region for one in planned):
            yield f"{region}, all {len(here):,} accounts", here
            left = [one for one in left if one.region != region]
    for account in dict.fromkeys(one.account_id for one in left):
        of = [one for one in left if one.account_id == account]
        if len(of) > 1 and len(of) == sum(one.account_id == account for one in planned):
            yield f"{account}, all {len(of):,} regions", of
        else:
            yield (str(of[0]) if len(of) == 1 else f"{account}, {', '.join(one.region for one in of)}"), of

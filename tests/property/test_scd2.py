"""One range of a history against a model that takes row by row: in every state, listed or not, compared or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from math import nan
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.load.scd2 import Merge
from pipeline.model import history_of, table
from pipeline.model.page import Scope

VERSIONS = table("project_versions")
LISTED, OTHER = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 5)]
NOW = DAYS[-1]

values = st.fixed_dictionaries(
    {"status": st.sampled_from(["RUNNING", "", None]), "f1_score": st.sampled_from([0.5, -0.5, nan, None])}
)
ended = st.lists(values, max_size=2)
lasting = st.none() | st.tuples(values, st.sampled_from([DAYS[2], NOW]))
gained = st.sampled_from(["NEW", None])
seen = st.none() | st.just("as it was") | st.tuples(values, gained)
keys = st.dictionaries(st.tuples(st.sampled_from([LISTED, OTHER]), st.integers(0, 9)), st.tuples(ended, lasting, seen))


def row(scope: Scope, number: int, members: dict[str, Any], **more: Any) -> dict[str, Any]:
    place = {"account_id": scope.account_id, "region": scope.region}
    return place | {"project_version_arn": f"arn:{scope.region}:{number}"} | members | more


def with_ends(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, sorted, each with how it began and ended, which the one before or after it tells."""
    expected = [one | {"begins_as": "appeared", "ends_as": "went" if one.get("valid_to") else None} for one in states]
    for before, after in pairwise(expected):
        same = before["project_version_arn"] == after["project_version_arn"]
        if same:
            after["begins_as"] = "returned"
        if same and before.get("valid_to") == after["valid_from"]:
            before["ends_as"] = after["begins_as"] = "changed"
            after["differences"] = after.get("differences") or json.dumps(
                [
                    {"column_name": name, "value_before": text(before.get(name)), "value_after": text(after.get(name))}
                    for name in ("status", "f1_score", "feature")
                    if repr(before.get(name)) != repr(after.get(name))
                ],
                separators=(",", ":"),
            )
    return expected


def text(value: Any) -> str | None:
    return None if value is None else str(value)


def told(states: pa.Table) -> list[str]:
    """Rows as text: there, what is not a number is itself."""
    return [repr(one) for one in states.to_pylist()]


@settings(max_examples=60, deadline=None)
@given(keys, st.booleans(), st.booleans())
def test_each_state_lasts_ends_or_begins_as_its_row_says(
    given_keys: dict, is_feature_compared: bool, is_known_told: bool
):
    known, present, expected = [], [], []
    for (scope, number), (before, last, now) in sorted(given_keys.items(), key=lambda item: item[0]):
        so_far = [
            row(scope, number, members, valid_from=DAYS[at], valid_to=DAYS[at + 1]) for at, members in enumerate(before)
        ]
        so_far += [row(scope, number, last[0], valid_from=last[1])] if last else []
        if is_known_told:  # else an older version wrote it
            so_far = with_ends(so_far)
        state = so_far[-1] if last else None
        known += so_far
        expected += so_far[: len(before)]
        seen_now = None
        if now == "as it was":
            seen_now = row(scope, number, last[0]) if last else None
        elif now:  # what is not listed is taken over, from a table that did not have the feature
            seen_now = row(scope, number, now[0], feature=now[1] if scope == LISTED else None)
        present += [seen_now] if seen_now else []
        if scope == OTHER:
            expected += [state] if state else []
            continue
        compared = ["status", "f1_score", *(["feature"] if is_feature_compared else [])]
        lasts = bool(state and seen_now) and all(repr(state.get(name)) == repr(seen_now.get(name)) for name in compared)
        if lasts:
            expected.append(seen_now | {"valid_from": state["valid_from"], "differences": state.get("differences")})
            continue
        if state and state["valid_from"] < NOW:
            expected.append(state | {"valid_to": NOW})
        if seen_now:
            expected.append(seen_now | {"valid_from": NOW})
    target = history_of(VERSIONS).schema
    names = [name for name in VERSIONS.names if is_feature_compared or name != "feature"]
    states = Merge(VERSIONS, names, {LISTED: NOW}).states(
        pa.Table.from_pylist(known, target), pa.Table.from_pylist(present, VERSIONS.schema)
    )
    assert told(states) == told(pa.Table.from_pylist(with_ends(expected), target))
    assert states.schema.equals(target, check_metadata=True)
    if is_feature_compared and is_known_told:  # what is new is told apart only from what this version wrote
        merge = Merge(VERSIONS, names, {LISTED: NOW})
        new = [
            f"arn:{one.region}:{at}" for (one, at), of in given_keys.items() if one == LISTED and of[2] != "as it was"
        ]
        merge.only(pa.array(new, pa.string()))
        few = [one for one in present if one["project_version_arn"] in new]
        assert told(
            merge.states(pa.Table.from_pylist(known, target), pa.Table.from_pylist(few, VERSIONS.schema))
        ) == told(states)

"""Temporal tables against a model in plain Python: whatever appears, changes, goes, comes back or fails, run by run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lake import LocalLake, snapshot
from pipeline.lake.snapshot import Source
from pipeline.load.snapshot_writer import new_snapshot
from pipeline.model import TABLES, declaration_digest, history_of, table, with_validity
from pipeline.model.page import Scope
from tests.snapshots import rows_of, states_of

SCOPES = [Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333"), Scope("us-east-1", "444455556666")]
START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("projects", "version_assets")

statuses = st.sampled_from(["CREATED", "DELETING", None, "é\u0000\n"])
buckets = st.lists(st.sampled_from(["bucket", None, ""]), max_size=3)
described = st.dictionaries(st.sampled_from("abcdefg"), st.tuples(statuses, buckets), max_size=7)
listings = st.one_of(st.none(), described)
"""What a run sees of a scope: None, if it fails there."""
cuts = st.lists(st.sampled_from("abcdefg"), max_size=3, unique=True).map(sorted)
"""Names at which the ranges of keys are cut that a scope is merged in."""
runs = st.lists(st.tuples(cuts, *(listings for _ in SCOPES)), min_size=1, max_size=6)


def arn(scope: Scope, name: str) -> str:
    return f"arn:aws:rekognition:{scope.region}:{scope.account_id}:project/{name}/1"


def seen_rows(scope: Scope, listed: dict[str, Any]) -> dict[str, dict[Any, dict[str, Any]]]:
    """The rows of both tables by key, each with its state."""
    place = {"account_id": scope.account_id, "region": scope.region}
    projects, version_assets = {}, {}
    for name, (status, in_buckets) in listed.items():
        key = arn(scope, name)
        projects[key,] = place | {"project_arn": key, "status": status}
        for at, bucket in enumerate(in_buckets):
            asset = {"project_version_arn": key, "data_result": "training", "stage": "input", "asset_index": at}
            version_assets[key, "training", "input", at] = place | asset | {"bucket": bucket}
    return {"projects": projects, "version_assets": version_assets}


class Model:
    """What the lake must hold: the current rows by scope, and each row's states with their intervals."""

    def __init__(self) -> None:
        self.current = {scope: {name: {} for name in NAMES} for scope in SCOPES}
        self.states: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}

    def see(self, scope: Scope, listed: dict[str, Any], at: datetime) -> None:
        seen = seen_rows(scope, listed)
        for name, rows in seen.items():
            before = self.current[scope][name]
            for state in self.states[name]:
                key = tuple(state["row"][column] for column in table(name).key)
                if state["valid_to"] is None and key in before and rows.get(key) != state["row"]:
                    state["valid_to"] = at
            for key, row in rows.items():
                if before.get(key) != row:
                    self.states[name].append({"row": row, "valid_from": at, "valid_to": None})
        self.current[scope] = seen


def publish(lake: LocalLake, number: int, cut: list[str], seen: tuple[Any, ...]) -> datetime:
    """Merge each scope that was listed range by range, cut at these names."""
    at = START + timedelta(hours=number)
    run = f"s{number:03}"
    with new_snapshot(lake, run, snapshot.find(lake)) as new:
        for scope, listed in zip(SCOPES, seen, strict=True):
            if listed is None:
                new.carry_forward(scope)
                continue
            found = seen_rows(scope, listed)
            bounds = [None, *(arn(scope, name) for name in cut), None]
            with new.scope(scope, run, at) as writer:
                for declared in TABLES:
                    rows = list(found.get(declared.name, {}).values())
                    for low, high in pairwise(bounds):
                        key = declared.key[0]
                        within = [r for r in rows if (not low or r[key] >= low) and (not high or r[key] < high)]
                        writer.merge(declared.name, rows_of(scope, declared.name, within), until=high)
                writer.source = Source(run, writer.listed_at, declaration_digest(), "0")
        new.seal(created_at=at.isoformat(), software={}, run=dict)
    return at


def without_nulls(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@settings(max_examples=25, deadline=None)
@given(runs)
def test_every_state_of_every_row_is_told_with_its_interval(runs: list[Any]):
    model = Model()
    with TemporaryDirectory() as folder:
        lake = LocalLake(Path(folder))
        for number, (cut, *seen) in enumerate(runs):
            at = publish(lake, number, cut, tuple(seen))
            for scope, listed in zip(SCOPES, seen, strict=True):
                if listed is not None:
                    model.see(scope, listed, at)
            found = snapshot.current(lake)
            for name in NAMES:
                declared = table(name)
                states = [
                    state["row"] | {"valid_from": state["valid_from"], "valid_to": state["valid_to"]}
                    for state in model.states[name]
                ]
                states.sort(key=lambda row: tuple(row[column] for column in history_of(declared).key))
                current = pq.read_table(found.file(name))
                ended = pq.read_table(found.file(name, history=True))
                assert without_nulls(current.to_pylist()) == without_nulls([s for s in states if not s["valid_to"]])
                assert without_nulls(ended.to_pylist()) == without_nulls([s for s in states if s["valid_to"]])
                assert current.schema.equals(with_validity(declared).schema, check_metadata=True)
                assert ended.schema.equals(history_of(declared).schema, check_metadata=True)


def test_tables_without_rows_have_histories_without_rows(tmp_path: Path):
    publish(LocalLake(tmp_path), 0, [], ({}, None, None))
    found = snapshot.current(LocalLake(tmp_path))
    for declared in TABLES:
        assert states_of(found, declared.name).num_rows == 0

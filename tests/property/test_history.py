"""Histories against a model in plain Python: whatever appears, changes, goes, comes back or fails, run after run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lake import LocalLake, snapshot
from pipeline.load import history
from pipeline.load.snapshot_writer import writer
from pipeline.model import TABLES, Table, history_of, table
from pipeline.model.page import Scope
from tests.histories import states_of

SCOPES = [Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333"), Scope("us-east-1", "444455556666")]
START = datetime(2026, 1, 1, tzinfo=UTC)

states = st.sampled_from(["CREATED", "DELETING", None, "é\u0000\n"])
assets = st.lists(st.sampled_from(["bucket", None, ""]), max_size=3)
described = st.dictionaries(st.sampled_from("abcdefg"), st.tuples(states, assets), max_size=7)
listings = st.one_of(st.none(), described)
"""What a run sees of a scope: None, if it fails there."""
runs = st.lists(st.tuples(*(listings for _ in SCOPES)), min_size=1, max_size=6)


def arn(scope: Scope, name: str) -> str:
    return f"arn:aws:rekognition:{scope.region}:{scope.account_id}:project/{name}/1"


def rows_of(scope: Scope, listed: dict) -> dict[str, dict]:
    """The rows of both tables by key, each with its state."""
    place = {"account_id": scope.account_id, "region": scope.region}
    projects, version_assets = {}, {}
    for name, (status, buckets) in listed.items():
        key = arn(scope, name)
        projects[key,] = place | {"project_arn": key, "status": status}
        for at, bucket in enumerate(buckets):
            asset = {"project_version_arn": key, "data_result": "training", "stage": "input", "asset_index": at}
            version_assets[key, "training", "input", at] = place | asset | {"bucket": bucket}
    return {"projects": projects, "version_assets": version_assets}


class Model:
    """What the lake must hold: the current rows by scope, and each row's states with their intervals."""

    def __init__(self) -> None:
        self.current = {scope: {"projects": {}, "version_assets": {}} for scope in SCOPES}
        self.states: dict[str, list[dict]] = {"projects": [], "version_assets": []}

    def see(self, scope: Scope, listed: dict, at: datetime) -> None:
        seen = rows_of(scope, listed)
        for name, rows in seen.items():
            before = self.current[scope][name]
            for state in self.states[name]:
                key = tuple(state["row"][detail] for detail in table(name).key)
                is_of_scope = key in before
                if state["valid_to"] is None and is_of_scope and rows.get(key) != state["row"]:
                    state["valid_to"] = at
            for key, row in rows.items():
                if before.get(key) != row:
                    self.states[name].append({"row": row, "valid_from": at, "valid_to": None})
        self.current[scope] = seen


def publish(lake: LocalLake, number: int, seen: tuple) -> datetime:
    at = START + timedelta(hours=number)
    with writer(lake, f"s{number:03}", snapshot.find(lake)) as new:
        for scope, listed in zip(SCOPES, seen, strict=True):
            if listed is None:
                new.carry(scope)
                continue
            for name, rows in rows_of(scope, listed).items():
                ordered = [rows[key] for key in sorted(rows)]
                new.add({name: pa.Table.from_pylist(ordered, table(name).schema)})
            new.listed(scope, f"s{number:03}", at)
        new.seal(created_at=at.isoformat(), software={}, run=dict)
    return at


def told(found: snapshot.Snapshot, name: str) -> list[dict]:
    return states_of(found, name).to_pylist()


def declared(found: snapshot.Snapshot, name: str) -> Table:
    """The declaration of the file that tells the table's history."""
    return history_of(table(name)) if found.since(name) is None else table(name)


def with_ends(states: list[dict], key: tuple[str, ...]) -> list[dict]:
    """The same, sorted, each with how it began and ended, which the one before or after it tells."""
    expected = [
        one | {"begins_as": "appeared", "ends_as": one["valid_to"] and "went", "differences": None} for one in states
    ]
    for before, after in pairwise(expected):
        if all(before[name] == after[name] for name in key):
            after["begins_as"] = "returned"
        if [before[name] for name in (*key, "valid_to")] == [after[name] for name in (*key, "valid_from")]:
            before["ends_as"] = after["begins_as"] = "changed"
            after["differences"] = json.dumps(
                [
                    {"column_name": name, "value_before": before[name], "value_after": after[name]}
                    for name in ("status", "bucket")
                    if before.get(name) != after.get(name)
                ],
                separators=(",", ":"),
                ensure_ascii=False,
            )
    return expected


@settings(max_examples=12, deadline=None)
@given(runs, st.integers(2, 9), st.sampled_from([0, 2, 10]))
def test_every_state_of_every_row_is_told_with_its_interval(runs: list, rows_a_range: int, few_scopes: int):
    model = Model()
    with (
        TemporaryDirectory() as folder,
        patch.object(history, "RANGE_ROWS", rows_a_range),
        patch("pipeline.load.snapshot_writer.FEW_SCOPES", few_scopes),
    ):
        lake = LocalLake(Path(folder))
        for number, seen in enumerate(runs):
            at = publish(lake, number, seen)
            for scope, listed in zip(SCOPES, seen, strict=True):
                if listed is not None:
                    model.see(scope, listed, at)
            found = snapshot.current(lake)
            for name in model.states:
                current = pq.read_table(found.file(name)).to_pylist()
                expected = [row for scope in SCOPES for row in model.current[scope][name].values()]
                key = table(name).key
                assert [{k: v for k, v in row.items() if v is not None} for row in current] == [
                    {k: v for k, v in row.items() if v is not None}
                    for row in sorted(expected, key=lambda row: tuple(row[detail] for detail in key))
                ]
                rows = told(found, name)
                assert pq.read_schema(found.file(name, history=True)).equals(
                    declared(found, name).schema, check_metadata=True
                )
                full = [
                    {column: state["row"].get(column) for column in table(name).names}
                    | {"valid_from": state["valid_from"], "valid_to": state["valid_to"]}
                    for state in model.states[name]
                ]
                full.sort(key=lambda row: tuple(row[detail] for detail in (*table(name).key, "valid_from")))
                assert rows == with_ends(full, table(name).key)


@settings(max_examples=12, deadline=None)
@given(runs, st.integers(2, 9))
def test_a_history_that_its_table_told_at_first_is_written_as_any_other(runs: list, rows_a_range: int):
    with TemporaryDirectory() as folder, patch.object(history, "RANGE_ROWS", rows_a_range):
        lakes = [LocalLake(Path(folder) / name) for name in ("told", "written")]
        for number, seen in enumerate(runs):
            for lake, few_scopes in zip(lakes, (10, 0), strict=True):
                with patch("pipeline.load.snapshot_writer.FEW_SCOPES", few_scopes):
                    publish(lake, number, seen)
            one, other = (snapshot.current(lake) for lake in lakes)
            assert one.manifest["tables"] == other.manifest["tables"]
            for name in one.rows:
                if one.since(name) is None:
                    assert one.manifest["history"][name] == other.manifest["history"][name]  # byte for byte
                else:
                    assert told(one, name) == told(other, name)


def test_tables_without_rows_have_histories_without_rows(tmp_path: Path):
    publish(LocalLake(tmp_path), 0, ({}, None, None))
    found = snapshot.current(LocalLake(tmp_path))
    for one in TABLES:
        assert told(found, one.name) == []

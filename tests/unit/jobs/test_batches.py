"""Batches: whole projects in key order, whose ranges cover all keys; and versions that belong to none of them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import landing
from pipeline.jobs.add_scope import BATCH_PAGES, add_scope, batches
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome, ScopeRecord
from pipeline.load.snapshot_writer import new_snapshot
from pipeline.model.arn import name_prefix
from pipeline.model.page import RawPage, Scope

SCOPE = Scope("us-east-1", "111122223333")
BASE = "arn:aws:rekognition:us-east-1:111122223333:project"

names = st.text("ab-_.", min_size=1, max_size=3)
projects = st.dictionaries(
    st.tuples(names, st.integers(1, 2)).map(lambda key: f"{BASE}/{key[0]}/{key[1]}"), st.integers(0, 50), max_size=12
)


@given(projects)
def test_ranges_touch_and_cover_all_keys_and_names_stay_together(pages: dict[str, int]):
    found = list(batches(sorted(pages), Counter(pages)))
    assert [arn for batch in found for arn in batch.projects] == sorted(pages, key=lambda arn: (name_prefix(arn), arn))
    assert found[0].since is None
    assert found[-1].until is None
    assert all(before.until == after.since for before, after in pairwise(found))
    for batch in found:
        for arn in batch.projects:
            for key in (name_prefix(arn), f"{name_prefix(arn)}version/\uffff"):
                assert batch.since is None or key >= batch.since
                assert batch.until is None or key < batch.until
    for batch in found[:-1]:
        assert sum(pages[arn] for arn in batch.projects) >= BATCH_PAGES


@pytest.mark.parametrize("pages", [1, 20])
def test_a_version_that_its_arn_puts_elsewhere_is_left_out_and_named(tmp_path: Path, monkeypatch, pages: int):
    monkeypatch.setattr("pipeline.jobs.add_scope.BATCH_PAGES", pages)
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def page(operation: str, result: dict, project: str = "") -> RawPage:
        return RawPage(operation, project, 1, 1, 200, at, "", json.dumps(result).encode())

    listed = {name: [{"ProjectVersionArn": f"{BASE}/{name}/version/v1/1"}] for name in ("a", "b")}
    listed["a"].append({"ProjectVersionArn": f"{BASE}/z/version/v1/1"})
    with landing.land(LocalLake(tmp_path), "run", SCOPE) as writer:
        described = [{"ProjectArn": f"{BASE}/{name}/1"} for name in listed]
        writer.add(page("DescribeProjects", {"ProjectDescriptions": described}))
        for name, versions in listed.items():
            writer.add(page("DescribeProjectVersions", {"ProjectVersionDescriptions": versions}, f"{BASE}/{name}/1"))
    record = ScopeRecord.of(SCOPE)
    with new_snapshot(LocalLake(tmp_path), "s1", None) as new:
        add_scope(new, landing.scope_file(LocalLake(tmp_path), "run", SCOPE), record)
        new.seal(created_at=at.isoformat(), software={}, run=dict)
    assert record.outcome is Outcome.FAILED
    where = f"account {SCOPE.account_id}, region {SCOPE.region}, project {BASE}/a/1"
    assert f"{where}: lists version {BASE}/z/version/v1/1" in str(record.error)
    rows = pq.read_table(snapshot.current(LocalLake(tmp_path)).file("project_versions"))
    assert rows.column("project_version_arn").to_pylist() == [f"{BASE}/{name}/version/v1/1" for name in ("a", "b")]

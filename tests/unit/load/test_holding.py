from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.load import holding
from pipeline.load.holding import Holding
from pipeline.model import table

VERSIONS = table("project_versions")


def piece(*numbers: int, status: str = "RUNNING", region: str = "us-east-1") -> pa.Table:
    rows = [{"project_version_arn": f"{number:03}", "status": status, "region": region} for number in numbers]
    return pa.Table.from_pylist(rows, VERSIONS.schema)


def told(rows: list[pa.Table]) -> list[tuple[int, str]]:
    return [
        (int(row["project_version_arn"]), row["status"])
        for one in rows
        for row in one.select(["project_version_arn", "status"]).to_pylist()
    ]


@pytest.fixture(params=[0, 5_000, 1 << 20], ids=["all on disk", "some on disk", "in memory"])
def held(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Holding:
    monkeypatch.setattr(holding, "HELD_BYTES", request.param)
    return Holding(VERSIONS, tmp_path / "rows.parquet")


def test_rows_wait_until_nothing_can_come_before_them(held: Holding, tmp_path: Path):
    assert told([*held.through(piece(5, 6), "001")]) == []
    assert told([*held.through(piece(1, 9), "006")]) == [(1, "RUNNING"), (5, "RUNNING")]
    assert told([*held.through(piece(), "006")]) == []
    assert told([*held.through(piece(7), None)]) == [(6, "RUNNING"), (7, "RUNNING"), (9, "RUNNING")]
    assert told([*held.through(piece(), None)]) == []
    assert list(tmp_path.iterdir()) == []


def test_of_equal_keys_the_one_that_came_last_stays(held: Holding):
    assert told([*held.through(piece(1, 2), "000")]) == []
    assert told([*held.through(piece(2, 3, status="STOPPED"), "000")]) == []
    assert told([*held.through(piece(3, status="FAILED"), None)]) == [(1, "RUNNING"), (2, "STOPPED"), (3, "FAILED")]


def test_what_comes_too_late_is_not_lost(held: Holding):
    assert told([*held.through(piece(5, 8, 20), "009")]) == [(5, "RUNNING"), (8, "RUNNING")]
    assert told([*held.through(piece(3, 6, 21), "009")]) == [(3, "RUNNING"), (6, "RUNNING")]
    assert told([*held.through(piece(4), None)]) == [(4, "RUNNING"), (20, "RUNNING"), (21, "RUNNING")]


def test_rows_may_be_let_go_of(held: Holding, tmp_path: Path):
    for at in range(0, 12, 3):
        assert told([*held.through(piece(at, at + 1, region="eu-west-1"), "000")]) == []
        assert told([*held.through(piece(at + 2), "000")]) == []
    held.keep(lambda rows: rows.filter(pa.compute.equal(rows["region"], "us-east-1")))
    assert told([*held.through(piece(), None)]) == [(number, "RUNNING") for number in (2, 5, 8, 11)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(20))
def test_whatever_waits_for_whatever_all_rows_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    """Chains of pieces side by side, as of projects that are listed together; each chain covers a range of keys."""
    draw = random.Random(seed)
    monkeypatch.setattr(holding, "HELD_BYTES", draw.choice([0, 2_000, 20_000]))
    held = Holding(VERSIONS, tmp_path / "rows.parquet")
    chains = {start: draw.sample(range(start, start + 100), 60) for start in range(0, 900, 100)}
    expected = sorted(number for chain in chains.values() for number in chain)
    found: list[pa.Table] = []
    while chains:
        start = draw.choice(sorted(chains)[:3])
        taken, chains[start] = chains[start][:7], chains[start][7:]
        if not chains[start]:
            del chains[start]
        settled = f"{min(chains):03}" if chains else None
        found += held.through(piece(*sorted(taken)), settled)
    assert [number for number, _ in told(found)] == expected
    assert list(tmp_path.iterdir()) == []

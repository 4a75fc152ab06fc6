from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.load import merge
from pipeline.load.merge import Run, merged

SCHEMA = pa.schema([("key", pa.string()), ("detail", pa.int64()), ("value", pa.string())])


def rows(*keys: tuple[str, int], value: str) -> pa.Table:
    return pa.table([[key for key, _ in keys], [detail for _, detail in keys], [value] * len(keys)], schema=SCHEMA)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("batch", "span", "room"), [(1, 1, 0), (70, 300, 200), (10_000, 100_000, 1 << 20)])
@pytest.mark.parametrize("until", [None, "k05", "k20"])
def test_a_merge_is_a_sort_in_which_the_last_of_equal_keys_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, seed: int, batch: int, span: int, room: int, until: str | None
):
    monkeypatch.setattr(merge, "BATCH_BYTES", batch)
    monkeypatch.setattr(merge, "RANGE_BYTES", span)
    monkeypatch.setattr(merge, "AT_HAND_BYTES", room)
    draw = random.Random(seed)
    expected: dict[tuple[str, int], str] = {}
    runs: list[Run] = []
    for number in range(3):
        run = Run(tmp_path / str(number), SCHEMA, ("key", "detail"))
        for piece in range(draw.randrange(1, 6)):
            keys = sorted({(f"k{draw.randrange(40):02}", draw.randrange(3)) for _ in range(draw.randrange(1, 30))})
            value = f"{number}.{piece}"
            run.add(rows(*keys, value=value))
            expected |= dict.fromkeys(keys, value)
        run.close()
        runs.append(run)
    below = [tuple(row.values()) for detail in merged(runs, until) for row in detail.to_pylist()]
    assert all(until is None or key < until for key, _, _ in below)
    rest = [tuple(row.values()) for detail in merged(runs) for row in detail.to_pylist()] if until else []
    assert below + rest == [(*key, value) for key, value in sorted(expected.items())]


def test_ranges_hold_about_as_many_rows_as_they_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    row = rows(("0000", 0), value="x").nbytes
    monkeypatch.setattr(merge, "BATCH_BYTES", 10 * row)
    monkeypatch.setattr(merge, "RANGE_BYTES", 50 * row)
    run = Run(tmp_path / "run", SCHEMA, ("key",))
    for start in range(4):  # four interleaved pieces
        run.add(rows(*((f"{number:04}", 0) for number in range(start, 400, 4)), value="x"))
    run.close()
    sizes = [detail.num_rows for detail in merged([run])]
    assert sum(sizes) == 400
    assert max(sizes) <= 100


def test_a_run_without_rows_is_no_trouble(tmp_path: Path):
    run = Run(tmp_path / "run", SCHEMA, ("key",))
    run.close()
    run.close()
    assert run.lowest is None
    assert list(merged([run])) == []


def test_a_run_knows_below_which_key_nothing_is_wanted_any_more(tmp_path: Path):
    run = Run(tmp_path / "run", SCHEMA, ("key",))
    run.add(rows(("a", 0), ("c", 0), ("e", 0), value="x"))
    run.close()
    assert run.lowest == "a"
    assert [detail.column("key").to_pylist() for detail in merged([run], "b")] == [["a"]]
    assert run.lowest == "b"
    assert [detail.column("key").to_pylist() for detail in merged([run], "z")] == [["c", "e"]]
    assert run.lowest is None

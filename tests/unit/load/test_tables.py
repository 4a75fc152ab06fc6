from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.load import holding
from pipeline.load import sorted_file as tables
from pipeline.load.sorted_file import TableFile, rows_of
from pipeline.model import table

VERSIONS = table("project_versions")


def piece(*rows: dict[str, Any]) -> pa.Table:
    filled = [{"account_id": "111122223333", "region": "us-east-1", **row} for row in rows]
    return pa.Table.from_pylist(filled, VERSIONS.schema)


def version(number: int, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {"project_version_arn": f"arn:{number:05}", "status": status, **more}


def written(path: Path) -> list[tuple[str, str]]:
    found = pq.read_table(path)
    assert found.schema.equals(VERSIONS.schema, check_metadata=True)
    return list(zip(found.column("project_version_arn").to_pylist(), found.column("status").to_pylist(), strict=True))


@pytest.fixture
def file(tmp_path: Path) -> TableFile:
    return TableFile(VERSIONS, tmp_path / "project_versions.parquet")


def test_pieces_in_order_are_written_as_they_are(file: TableFile):
    file.add(piece(version(1), version(2)))
    file.add(piece())
    file.add(piece(version(3)))
    file.close()
    assert [arn for arn, _ in written(file.path)] == ["arn:00001", "arn:00002", "arn:00003"]
    assert file.rows == 3


def test_a_file_without_rows_has_its_schema(file: TableFile):
    file.close()
    assert written(file.path) == []


def test_row_groups_do_not_depend_on_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "WIDE_ROW_GROUP_ROWS", 10)
    rows = [version(number) for number in range(35)]
    made = []
    for name, cuts in (("one", [35]), ("many", [3, 20, 12])):
        file = TableFile(VERSIONS, tmp_path / name)
        start = 0
        for cut in cuts:
            file.add(piece(*rows[start : start + cut]))
            start += cut
        file.close()
        metadata = pq.read_metadata(file.path)
        assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)] == [10, 10, 10, 5]
        made.append(file.path.read_bytes())
    assert made[0] == made[1]


def test_pieces_out_of_order_are_sorted_and_the_last_of_equal_keys_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables, "WIDE_ROW_GROUP_ROWS", 4)
    file = TableFile(VERSIONS, tmp_path / "versions.parquet")
    extremes = {"billable_training_seconds": 2**64 - 1, "f1_score": 0.1, "testing_input_auto_create": False}
    file.add(piece(*(version(number) for number in range(5, 10)), version(10, **extremes)))
    file.add(piece(*(version(number, "STOPPED") for number in range(8))))
    file.close()
    assert written(file.path) == [(f"arn:{n:05}", "STOPPED" if n < 8 else "RUNNING") for n in range(11)]
    assert file.rows == 11
    assert list(tmp_path.iterdir()) == [file.path]
    last = pq.read_table(file.path).to_pylist()[-1]
    assert {name: last[name] for name in extremes} == extremes


def test_a_sorted_and_an_unsorted_way_give_the_same_bytes(tmp_path: Path):
    rows = [version(number, created_at=number * 1_000_000, extra='{"a":1}') for number in range(50)]
    in_order, out_of_order = TableFile(VERSIONS, tmp_path / "a.parquet"), TableFile(VERSIONS, tmp_path / "b.parquet")
    in_order.add(piece(*rows))
    out_of_order.add(piece(*rows[25:]))
    out_of_order.add(piece(*rows[:25]))
    in_order.close()
    out_of_order.close()
    assert in_order.path.read_bytes() == out_of_order.path.read_bytes()


def test_overlapping_pieces_are_put_in_order_while_they_come(tmp_path: Path):
    file = TableFile(VERSIONS, tmp_path / "versions.parquet")
    file.add(piece(version(1), version(4, "STOPPED"), version(7)), "arn:00003")
    file.add(piece(version(3), version(4), version(5)), "arn:00006")
    file.add(piece(version(6), version(9)), "arn:00008")
    assert [path.name for path in tmp_path.iterdir()] == [file.path.name]  # nothing had to be set aside
    file.add(piece(version(8)))
    file.close()
    assert written(file.path) == [(f"arn:{n:05}", "RUNNING") for n in (1, 3, 4, 5, 6, 7, 8, 9)]


def test_no_more_rows_are_held_than_memory_should_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(holding, "HELD_BYTES", piece(version(5), version(6), version(7)).nbytes)
    file = TableFile(VERSIONS, tmp_path / "versions.parquet")
    file.add(piece(version(5), version(6)), "arn:00001")
    assert list(tmp_path.iterdir()) == [file.path]
    file.add(piece(version(7), version(8)), "arn:00001")
    assert len(list(tmp_path.iterdir())) == 2  # the file, and what is set aside
    file.add(piece(version(1), version(6, "STOPPED")), "arn:00007")
    file.add(piece(version(9)), "arn:00010")
    assert list(tmp_path.iterdir()) == [file.path]
    file.close()
    assert [arn for arn, _ in written(file.path)] == [f"arn:{n:05}" for n in (1, 5, 6, 7, 8, 9)]
    assert dict(written(file.path))["arn:00006"] == "STOPPED"


@pytest.mark.parametrize("seed", range(12))
def test_however_pieces_come_the_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    monkeypatch.setattr(tables, "WIDE_ROW_GROUP_ROWS", 16)
    monkeypatch.setattr(holding, "HELD_BYTES", [0, 10_000, 1 << 20][seed % 3])
    draw = random.Random(seed)
    numbers = list(range(100))
    straight = TableFile(VERSIONS, tmp_path / "straight.parquet")
    straight.add(piece(*(version(number) for number in numbers)))
    straight.close()
    if seed % 2:
        draw.shuffle(numbers)
    file = TableFile(VERSIONS, tmp_path / "pieces.parquet")
    while numbers:
        size = draw.randrange(1, 20)
        taken, numbers = sorted(numbers[:size]), numbers[size:]
        settled = f"arn:{min(numbers):05}" if numbers and draw.random() < 0.8 else None
        file.add(piece(*(version(number) for number in taken)), settled)
    file.close()
    assert file.path.read_bytes() == straight.path.read_bytes()


def test_high_cardinality_columns_have_no_dictionary(file: TableFile):
    file.add(piece(version(1)))
    file.close()
    group = pq.read_metadata(file.path).row_group(0)
    encodings = {group.column(at).path_in_schema: group.column(at).encodings for at in range(group.num_columns)}
    assert not any("DICT" in one for one in encodings["project_version_arn"])
    assert any("DICT" in one for one in encodings["status"])


def test_rows_of_a_scope_even_from_a_file_that_lacks_newer_columns(tmp_path: Path):
    rows = piece(version(1), {**version(2), "region": "eu-west-1"})
    pq.write_table(rows.drop_columns(["feature", "extra"]), tmp_path / "old.parquet")
    found = pa.concat_tables(rows_of(pq.ParquetFile(tmp_path / "old.parquet"), VERSIONS, "111122223333", "eu-west-1"))
    assert found.schema.equals(VERSIONS.schema, check_metadata=True)
    assert found.column("project_version_arn").to_pylist() == ["arn:00002"]
    assert found.column("feature").to_pylist() == [None]

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.load import sorted_file
from pipeline.load.sorted_file import SortedReader, SortedWriter
from pipeline.model import table
from pipeline.model.page import Scope

VERSIONS = table("project_versions")
HERE, THERE = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")


def version(number: int, scope: Scope = HERE, **members: Any) -> dict[str, Any]:
    place = {"account_id": scope.account_id, "region": scope.region}
    return {**place, "project_version_arn": f"arn:{number:05}", "status": "RUNNING", **members}


def rows(*versions: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(versions, VERSIONS.schema)


def written(path: Path, *pieces: pa.Table) -> Path:
    with SortedWriter(path, VERSIONS) as file:
        for piece in pieces:
            file.add(piece)
    return path


def taken(reader: SortedReader, scope: Scope, until: str | None = None) -> list[str]:
    return [arn for piece in reader.take(scope, until) for arn in piece.column("project_version_arn").to_pylist()]


@pytest.mark.parametrize("seed", range(5))
def test_however_rows_are_cut_the_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    monkeypatch.setattr(sorted_file, "WIDE_ROW_GROUP_ROWS", 16)
    every = rows(*(version(number) for number in range(100)))
    cuts = sorted({0, 100, *random.Random(seed).sample(range(100), 9)})
    pieces = [every.slice(low, high - low) for low, high in itertools.pairwise(cuts)]
    assert written(tmp_path / "a", every).read_bytes() == written(tmp_path / "b", *pieces).read_bytes()
    sizes = [pq.read_metadata(tmp_path / "a").row_group(group).num_rows for group in range(7)]
    assert sizes == [16] * 6 + [4]


def test_columns_of_values_that_hardly_repeat_have_no_dictionary(tmp_path: Path):
    group = pq.read_metadata(written(tmp_path / "a", rows(version(1)))).row_group(0)
    encodings = {group.column(at).path_in_schema: group.column(at).encodings for at in range(group.num_columns)}
    assert not any("DICT" in name for name in encodings["project_version_arn"])
    assert any("DICT" in name for name in encodings["status"])


@pytest.mark.parametrize("group_rows", [2, 3, 100])
def test_a_file_is_read_scope_by_scope_and_range_by_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_rows: int
):
    monkeypatch.setattr(sorted_file, "WIDE_ROW_GROUP_ROWS", group_rows)
    content = [*(version(number) for number in range(5)), *(version(number, THERE) for number in range(3))]
    reader = SortedReader(written(tmp_path / "a", rows(*content)), VERSIONS)
    assert taken(reader, Scope("ap-south-1", "111122223333")) == []
    assert taken(reader, HERE, "arn:00002") == ["arn:00000", "arn:00001"]
    assert taken(reader, HERE, "arn:00002") == []
    assert taken(reader, HERE) == ["arn:00002", "arn:00003", "arn:00004"]
    assert reader.left() == THERE
    assert taken(reader, THERE) == ["arn:00000", "arn:00001", "arn:00002"]
    assert reader.left() is None


def test_without_a_file_there_is_no_row():
    reader = SortedReader(None, VERSIONS)
    assert taken(reader, HERE) == []
    assert reader.left() is None


def test_columns_that_a_file_lacks_are_null(tmp_path: Path):
    pq.write_table(rows(version(1)).drop_columns(["feature", "extra"]), tmp_path / "old.parquet")
    (found,) = SortedReader(tmp_path / "old.parquet", VERSIONS).take(HERE)
    assert found.schema.equals(VERSIONS.schema, check_metadata=True)
    assert found.column("feature").to_pylist() == [None]

"""Rows of some ARNs replaced in a sorted table, however it is cut into batches."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.load.replacing import Replacing
from pipeline.model import table

ASSETS = table("version_assets")
numbers = st.sets(st.integers(0, 20), max_size=12)


def rows(versions: set[int], assets: int, key: str) -> pa.Table:
    """Rows of versions, each with so many assets whose S3 key says where they are from."""
    found = [
        {
            "account_id": "1",
            "region": "r",
            "project_version_arn": f"arn:{version:03}",
            "data_result": "training",
            "stage": "input",
            "asset_index": index,
            "key": key,
        }
        for version in sorted(versions)
        for index in range(assets)
    ]
    return pa.Table.from_pylist(found, ASSETS.schema)


def batches(whole: pa.Table, cuts: set[int]) -> list[pa.Table]:
    places = sorted({0, whole.num_rows, *(cut for cut in cuts if cut < whole.num_rows)})
    return [whole.slice(start, end - start) for start, end in pairwise(places)]


@settings(max_examples=150, deadline=None)
@given(
    before=numbers,
    old=numbers,
    new=numbers,
    cuts=st.sets(st.integers(0, 40), max_size=5),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_rows_of_the_old_go_those_of_the_new_come_and_the_rest_stays(
    before: set[int], old: set[int], new: set[int], cuts: set[int], sizes: tuple[int, int]
):
    replacing = Replacing(
        ASSETS, pa.array([f"arn:{one:03}" for one in sorted(old)], pa.string()), rows(new, sizes[1], "new")
    )
    found = pa.concat_tables(replacing.rows(batches(rows(before, sizes[0], "old"), cuts)))
    assert replacing.is_contradicted == bool((before - old) & new)
    assert set(replacing.arns.to_pylist()) == {f"arn:{one:03}" for one in old | new}
    if not replacing.is_contradicted:
        expected = pa.concat_tables([rows(before - old, sizes[0], "old"), rows(new, sizes[1], "new")])
        assert found.equals(expected.sort_by([(name, "ascending") for name in ASSETS.key]))

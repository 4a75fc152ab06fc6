"""How long the history of a large lake takes to take in a listing: python bench/history.py [VERSIONS].

Makes VERSIONS versions with six assets each (default 500,000), and histories in which a third of them have had another
state before; then merges a listing in which nothing changed, and one in which one version in a hundred did.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.load import history
from pipeline.load.tables import SortedFile, in_schema
from pipeline.model import Table, history_of, table
from pipeline.model.page import Scope

SCOPE = Scope("us-east-1", "111122223333")
LISTED_AT = datetime(2026, 3, 1, tzinfo=UTC)
PLACE = f"'{SCOPE.account_id}' as account_id, '{SCOPE.region}' as region"
PROJECT = "printf('arn:aws:rekognition:us-east-1:111122223333:project/project-%05d', i // 100)"
VERSIONS = f"""
    select
        {PLACE},
        {PROJECT} || '/1' as project_arn,
        {PROJECT} || printf('/version/v%07d/1690556751958', i) as project_version_arn,
        'v' || i as version_name,
        case when i % 50 = 0 then 'RUNNING' else 'TRAINING_COMPLETED' end as status,
        'The model is ready to run.' as status_message,
        0.5 + (hash(i) % 1000000) / 2e6 as f1_score,
        'out/' || i as output_key_prefix,
        i
    from range($count) as numbers(i)
"""
ASSETS = f"""
    select versions.*, data_result, stage, 0::bigint as asset_index, 'datasets/' || i || '/' || stage as key
    from ({VERSIONS}) as versions
    cross join (values ('training'), ('testing')) as results(data_result)
    cross join (values ('input'), ('output'), ('validation')) as stages(stage)
"""
CASES = ((table("project_versions"), VERSIONS, "status"), (table("version_assets"), ASSETS, "key"))


def write(path: Path, declared: Table, query: str) -> Path:
    """Write a query's rows as the lake would, sorted by key."""
    file = SortedFile(path, declared)
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        for batch in con.sql(f"{query} order by {', '.join(declared.key)}").to_arrow_reader(100_000):
            file.add(in_schema(pa.table(batch), declared.schema))
    file.close()
    return path


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for one, query, changing in CASES:
            base = (
                f"select * exclude (i), i % 3 = 0 as had_another from ({query.replace('$count', str(count))}) as made"
            )
            state = "timestamptz '2026-02-01' as valid_from, null::timestamptz as valid_to"
            known = write(
                folder / "known.parquet",
                history_of(one),
                f"from (select *, {state} from ({base}) union all select * replace ('other' as {changing}), "
                f"timestamptz '2026-01-01', timestamptz '2026-02-01' from ({base}) where had_another)",
            )
            same = write(folder / "same.parquet", one, f"from ({base})")
            changed = f"case when hash(project_version_arn) % 100 = 0 then 'changed' else {changing} end as {changing}"
            other = write(folder / "other.parquet", one, f"select * replace ({changed}) from ({base})")
            for name, present in (("nothing changed", same), ("one in a hundred changed", other)):
                started = time.perf_counter()
                with history.merging() as con:
                    rows = history.write(
                        con, one, folder / "out.parquet", known=known, present=present, listed={SCOPE: LISTED_AT}
                    )
                seconds = time.perf_counter() - started
                before = pq.read_metadata(known).num_rows
                print(f"{one.name}, {name}: {before:,} -> {rows:,} intervals in {seconds:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory with the making of the data: {peak} MB")


if __name__ == "__main__":
    main()

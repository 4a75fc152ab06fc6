"""How long the histories of a large lake take to take in a listing, and in how much memory, in fresh processes.

    python bench/history.py [--intervals 10000000] [--runs 3]

Makes versions with six assets each, and histories in which a third of both have had another state before: INTERVALS
states in all. Then both histories take in listings: a first one, one in which nothing changed, one in which one version
in a hundred did, and one in which one in a hundred went and another one came, each all over the lake. The data are made
beforehand, a few thousand versions at a time, by another process; cases alternate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PLACE = "'111122223333' as account_id, 'us-east-1' as region"
PROJECT = "printf('arn:aws:rekognition:us-east-1:111122223333:project/project-%05d', i // 100)"
VERSIONS = f"""
    select
        {PLACE},
        {PROJECT} || '/1' as project_arn,
        {PROJECT} || printf('/version/v%08d/1690556751958', i) as project_version_arn,
        'v' || i as version_name,
        case when i % 50 = 0 then 'RUNNING' else 'TRAINING_COMPLETED' end as status,
        'The model is ready to run.' as status_message,
        0.5 + (hash(i) % 1000000) / 2e6 as f1_score,
        'out/' || i as output_key_prefix,
        hash(i, 'lot') % 100 as lot,
        i % 3 = 0 as had_another,
        i
    from range($low, $high) as numbers(i)
"""
ASSETS = f"""
    select versions.*, data_result, stage, 0::bigint as asset_index, 'datasets/' || i || '/' || stage as key
    from ({VERSIONS}) as versions
    cross join (values ('training'), ('testing')) as results(data_result)
    cross join (values ('input'), ('output'), ('validation')) as stages(stage)
"""
TABLES = {"project_versions": (VERSIONS, "status"), "version_assets": (ASSETS, "key")}
"""Each table's rows, and the column that changes."""
INTERVALS_A_VERSION = 7 * 4 / 3
KNOWN = """
    select *, timestamptz '2026-02-01' as valid_from, null::timestamptz as valid_to from ({rows}) where lot != 2
    union all
    select * replace ('other' as {changing}), timestamptz '2026-01-01', timestamptz '2026-02-01'
    from ({rows})
    where lot != 2 and had_another
"""
CASES = {
    "first listing": "from ({rows}) where lot != 2",
    "nothing changed": "from ({rows}) where lot != 2",
    "1 in 100 changed": (
        "select * replace (case when lot = 0 then 'changed' else {changing} end as {changing}) "
        "from ({rows}) where lot != 2"
    ),
    "1 in 100 went, 1 came": "from ({rows}) where lot != 1",
}
AT_ONCE = 20_000


def make(folder: Path, intervals: int) -> None:
    """Write the histories and the tables of each case, sorted by key, as the lake would."""
    import duckdb
    import pyarrow as pa
    from pipeline.load.scd2 import told

    from pipeline.load.sorted_file import SortedFile, in_schema
    from pipeline.model import history_of, table

    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        for name, (rows, changing) in TABLES.items():
            wanted = [("known", history_of(table(name)), KNOWN)]
            wanted += [(case, table(name), query) for case, query in CASES.items()]
            for case, declared, query in wanted:
                file = SortedFile(folder / f"{name} {case}.parquet", declared)
                count = round(intervals / INTERVALS_A_VERSION)
                for low in range(0, count, AT_ONCE):
                    piece = rows.replace("$low", str(low)).replace("$high", str(min(low + AT_ONCE, count)))
                    made = con.sql(
                        f"from ({query.format(rows=piece, changing=changing)}) order by {', '.join(declared.key)}"
                    )
                    made = in_schema(pa.table(made.to_arrow_table()), declared.schema)
                    file.add(told(made, table(name)) if case == "known" else made)
                file.close()


def merge(folder: Path, case: str) -> dict[str, Any]:
    """Let both histories take in the listing of a case, and return what that took of this process."""
    import pyarrow.parquet as pq

    from pipeline.load import history
    from pipeline.model import table
    from pipeline.model.page import Scope

    listed = {Scope("us-east-1", "111122223333"): datetime(2026, 3, 1, tzinfo=UTC)}
    before = after = 0
    started = time.perf_counter()
    for name in TABLES:
        known = folder / f"{name} known.parquet" if case != "first listing" else None
        present = folder / f"{name} {case}.parquet"
        after += history.write(table(name), folder / "out.parquet", known=known, present=present, listed=listed)
        before += pq.read_metadata(known).num_rows if known else 0
    seconds = time.perf_counter() - started
    (peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return {"before": before, "after": after, "seconds": seconds, "peak_mb": int(peak.split()[1]) / 1024}


def measure(intervals: int, runs: int) -> list[dict[str, Any]]:
    """Return a row a case: intervals before and after, seconds (median, min, max) and the largest peak in MB."""
    with tempfile.TemporaryDirectory() as folder:
        _in_a_process("make", folder, str(intervals))
        spent: dict[str, list[dict[str, Any]]] = {case: [] for case in CASES}
        for _ in range(runs):
            for case, seen in spent.items():
                seen.append(json.loads(_in_a_process("merge", folder, case)))
    return [
        {
            "case": case,
            "intervals_before": seen[0]["before"],
            "intervals_after": seen[0]["after"],
            "median_s": statistics.median(one["seconds"] for one in seen),
            "min_s": min(one["seconds"] for one in seen),
            "max_s": max(one["seconds"] for one in seen),
            "peak_mb": max(one["peak_mb"] for one in seen),
        }
        for case, seen in spent.items()
    ]


def _in_a_process(*arguments: str) -> str:
    ran = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout


def main() -> None:
    match sys.argv[1:]:
        case ["make", folder, intervals]:
            return make(Path(folder), int(intervals))
        case ["merge", folder, case]:
            return print(json.dumps(merge(Path(folder), case)))
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--intervals", type=int, default=10_000_000)
    options.add_argument("--runs", type=int, default=3)
    chosen = options.parse_args()
    for row in measure(chosen.intervals, chosen.runs):
        print(
            f"{row['case']}: {row['intervals_before']:,} -> {row['intervals_after']:,} intervals in "
            f"{row['median_s']:.1f} s ({row['min_s']:.1f} to {row['max_s']:.1f}), peak {row['peak_mb']:.0f} MB"
        )
    return None


if __name__ == "__main__":
    main()

"""Page bodies to Parquet tables: versions a second, and the peak of memory, in fresh processes.

    python bench/flatten.py [--versions 50000 200000] [--runs 5]

The bodies are made beforehand and read from a file; what is timed is reading them, flatten and the writing of
all tables (sorted, checked, zstd), as a sync does it. `plain` is what one would write without reklake: json and
dict loops, then pyarrow. Each figure is from a process of its own; plain and ours alternate.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pages as made

SEEN = datetime(2026, 1, 1, tzinfo=UTC)
OPERATION = "DescribeProjectVersions"


def ours(versions: int, folder: Path) -> float:
    from pipeline.flatten import flatten
    from pipeline.load.tables import TableFile
    from pipeline.model import table
    from pipeline.model.page import RawPage, Scope
    from pipeline.parallel import ordered_map
    from pipeline.pieces import FLATTEN_THREADS, pieces

    scope = Scope(made.REGION, made.ACCOUNT)
    files = [TableFile(table(name), folder / f"{name}.parquet") for name in ("project_versions", "version_assets")]
    arns = [arn for arn, _, _ in made.cached(versions)]
    landed = (RawPage(OPERATION, arn, 1, number, 200, SEEN, "", body) for arn, number, body in made.cached(versions))
    started = time.perf_counter()
    flats = ordered_map(
        lambda piece: (flatten(OPERATION, scope, piece.pages), piece.settled),
        pieces(landed, arns),
        workers=FLATTEN_THREADS,
        ahead=FLATTEN_THREADS,
    )
    for flat, settled in flats:
        for file in files:
            file.add(flat.tables[file.table.name], settled)
    for file in files:
        file.close()
    spent = time.perf_counter() - started
    assert files[0].rows == versions
    return spent


def plain(versions: int, folder: Path) -> float:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline.model import Origin, table

    versions_table, assets_table = table("project_versions"), table("version_assets")

    def dig(item, path):
        for name in path.split("."):
            item = item.get(name) if isinstance(item, dict) else None
        return item

    bodies = made.cached(versions)
    started = time.perf_counter()
    rows, assets = [], []
    for arn, _, body in bodies:
        for one in json.loads(body)["ProjectVersionDescriptions"]:
            row = {c.name: dig(one, c.path) for c in versions_table.of(Origin.MEMBER)}
            for name in ("created_at", "training_ended_at"):
                row[name] = datetime.fromtimestamp(row[name], UTC) if row[name] is not None else None
            segments = row["project_version_arn"].split("/")
            scope = {"account_id": made.ACCOUNT, "region": made.REGION, "project_arn": arn}
            rows.append(row | scope | {"project_name": segments[1], "version_name": segments[3]})
            for items in assets_table.items:
                for index, asset in enumerate(dig(one, items.path) or []):
                    found = {c.name: dig(asset, c.path) for c in assets_table.of(Origin.MEMBER)}
                    key = {"project_version_arn": row["project_version_arn"], "asset_index": index}
                    assets.append(found | scope | key | dict(items.labels))
    for one, listed in ((versions_table, rows), (assets_table, assets)):
        pq.write_table(pa.Table.from_pylist(listed, one.schema), folder / f"{one.name}.parquet", compression="zstd")
    return time.perf_counter() - started


def child(what: str, versions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds = {"ours": ours, "plain": plain}[what](versions, Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": cpu, "bytes": size, "peak_mb": used.ru_maxrss / 1024}))


def measure(what: str, versions: int) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, __file__, "--child", what, "--versions", str(versions)],
        check=True,
        capture_output=True,
    )
    return json.loads(ran.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", choices=["ours", "plain"])
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child, chosen.versions[0])
        return
    for versions in chosen.versions:
        made.prepare(versions)
        results: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
        for number in range(chosen.runs):
            for what, found in results.items():
                if what == "ours" or number == 0:  # plain takes its time; once tells enough
                    found.append(measure(what, versions))
        for what, found in results.items():
            speeds = sorted(versions / one["seconds"] for one in found)
            print(
                f"{what:6} {versions:>9,} versions: {statistics.median(speeds):>9,.0f} versions/s "
                f"(from {speeds[0]:,.0f} to {speeds[-1]:,.0f}), peak {max(one['peak_mb'] for one in found):,.0f} MB, "
                f"{found[0]['bytes'] / versions:,.0f} bytes a version, {min(one['cpu'] for one in found):.1f} s of CPU"
            )


if __name__ == "__main__":
    main()

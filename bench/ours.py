"""What of reklake is measured apart from its commands: flatten over bodies in a file, and a listing alone.

    python bench/ours.py flatten FILE FOLDER
    AWS_ENDPOINT_URL=... python bench/ours.py list

Everything that the benches use of the pipeline's own modules stands here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pages


def flatten(file: str, folder: str) -> float:
    """Write both tables of the versions as a sync does: sorted, checked, zstd. Return the seconds it took."""
    from pipeline.feed import Arrived
    from pipeline.pieces import flatten_scope

    from pipeline.load.sorted_file import TableFile
    from pipeline.model import table
    from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS
    from pipeline.model.page import RawPage, Scope

    def arrivals() -> Iterator[Arrived]:
        projects = json.dumps({"ProjectDescriptions": [{"ProjectArn": arn} for arn in ends]}).encode()
        yield Arrived(RawPage(DESCRIBE_PROJECTS, "", 1, 1, 200, seen, "", projects), is_last=True)
        for arn, number, body in pages.read(file):
            page = RawPage(DESCRIBE_PROJECT_VERSIONS, arn, 1, number, 200, seen, "", body)
            yield Arrived(page, is_last=number == ends[arn])

    ends = {arn: number for arn, number, _ in pages.read(file)}  # a listing knows which page is its last
    started, seen = time.perf_counter(), datetime(2026, 1, 1, tzinfo=UTC)
    files = [TableFile(table(name), Path(folder, f"{name}.parquet")) for name in ("project_versions", "version_assets")]
    for flat, settled in flatten_scope(Scope(pages.REGION, pages.ACCOUNT), arrivals(), ()):
        for one in files:
            if one.table.name in flat.tables:
                one.add(flat.tables[one.table.name], settled)
    for one in files:
        one.close()
    return time.perf_counter() - started


def listing() -> int:
    """List the one scope there is, as a sync does, and drop its pages. Return how many there were."""
    from pipeline import settings
    from pipeline.extract import Listed, Lister, Sessions, plan

    class Dropped:
        count = 0

        def begin(self) -> None:
            """Nothing is kept."""

        def page(self, *_: object, **__: object) -> None:
            self.count += 1

        def end(self, listed: Listed) -> int:
            if listed.error:
                raise listed.error
            return self.count

    chosen = settings.load(lake="unused", regions=[pages.REGION], rate=10_000.0).aws
    sessions = Sessions(chosen)
    (target,) = plan(chosen, sessions).targets
    with Lister(sessions) as lister:
        return int(lister.begin(target, Dropped()).result())


if __name__ == "__main__":
    if sys.argv[1] == "flatten":
        print(json.dumps({"seconds": flatten(*sys.argv[2:])}))
    else:
        print(json.dumps({"pages": listing()}))

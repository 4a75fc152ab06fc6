"""What the benches use of reklake's own modules; everything else goes through its commands.

python bench/product.py flatten FILE LAKE
python bench/product.py records LAKE RUNS SCOPES
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pages

from pipeline import landing
from pipeline.jobs.add_scope import add_scope
from pipeline.lake import LocalLake, run_log, run_record, snapshot
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord
from pipeline.load.snapshot_writer import new_snapshot
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS
from pipeline.model.page import RawPage, Scope

RUN = "20260101T000000Z-00000000"


def flatten(file: str, folder: str) -> float:
    """Take the pages in a file into the first snapshot of a lake; return the seconds from landed pages to the snapshot.

    Landing them is not counted: the peers find their bodies in a file too.
    """
    lake, scope = LocalLake(Path(folder)), Scope(pages.REGION, pages.ACCOUNT)
    seen = datetime(2026, 1, 1, tzinfo=UTC)
    with landing.land(lake, RUN, scope) as writer:
        arns = dict.fromkeys(arn for arn, _, _ in pages.read(file))
        body = json.dumps({"ProjectDescriptions": [{"ProjectArn": arn} for arn in arns]}).encode()
        writer.add(RawPage(DESCRIBE_PROJECTS, "", 1, 1, 200, seen, "", body))
        for arn, number, body in pages.read(file):
            writer.add(RawPage(DESCRIBE_PROJECT_VERSIONS, arn, 1, number, 200, seen, "", body))
    record = ScopeRecord.of(scope)
    started = time.perf_counter()
    with new_snapshot(lake, RUN, None) as new:
        add_scope(new, landing.scope_file(lake, RUN, scope), record)
        new.seal(created_at=run_record.now(), software={}, run=dict)
    seconds = time.perf_counter() - started
    if record.error:
        raise ValueError(record.error)
    return seconds


def records(folder: str, runs: int, scopes: int) -> None:
    """Give a lake the records of hourly runs before its first: of so many scopes each, and none found anything new."""
    lake = LocalLake(Path(folder))
    published = snapshot.current(lake)
    first = run_record.started_at(published.id) - timedelta(hours=runs)
    for number in range(runs):
        started = first + timedelta(hours=number)
        run = RunRecord(f"{started:{run_record.ID_TIME}}-{number:08x}", "sync", run_record.text_of(started), {})
        run.snapshot, run.outcome = published.id, Outcome.COMPLETE
        run.ended_at = run_record.text_of(started + timedelta(seconds=20))
        run.seconds = {"extract": 18.5, "flatten": 1.0, "load": 0.5, "total": 20.0}
        for scope in range(scopes):
            listed = ScopeRecord(f"{111122220000 + scope:012}", pages.REGION, Outcome.COMPLETE)
            listed.started_at, listed.ended_at, listed.listed_at = run.started_at, run.ended_at, run.ended_at
            listed.calls, listed.pages, listed.projects, listed.versions = 101, 101, 100, 1000
            listed.calls_by_operation = {DESCRIBE_PROJECTS: 1, DESCRIBE_PROJECT_VERSIONS: 100}
            listed.seconds = 18.5
            run.scopes.append(listed)
        run.write(lake)
    run_log.compact(lake)
    for name in list(run_log.superseded(lake, datetime.now(UTC))):  # as syncs and gc would have done, day by day
        lake.remove(name)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["flatten", file, folder]:
            print(json.dumps({"seconds": flatten(file, folder)}))
        case ["records", folder, runs, scopes]:
            records(folder, int(runs), int(scopes))
        case _:
            sys.exit(__doc__)

"""A sync as a Lambda function: settings come from REKLAKE_ variables, the lake is on S3.

A run that publishes nothing raises: it counts in the function's error metric and reaches its failure destination.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pipeline import settings
from pipeline.errors import BusyError, FatalError, UsageError
from pipeline.jobs.events import Event
from pipeline.jobs.sync import sync
from pipeline.lake.run_record import Outcome

CACHE = "/tmp/reklake"  # noqa: S108  # the only folder that a function can write to


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Sync once. Returns the run's id and outcome, the snapshot, rows by table, and the error kind of failed scopes.

    If another writer was faster, returns only the outcome "busy" and the reason. UsageError if the settings are wrong
    or the lake is not on S3; FatalError if nothing was published.
    """
    os.environ.setdefault("REKLAKE_CACHE", CACHE)
    chosen = settings.load()
    if not chosen.lake.lower().startswith("s3:"):
        raise UsageError(f"{chosen.lake}: a function loses what it writes to a folder. Set REKLAKE_LAKE to s3://...")
    try:
        result = sync(chosen, _log)
    except BusyError as error:  # not a failure: another writer was faster, and nothing is lost
        return {"outcome": "busy", "reason": str(error)}
    failed = {str(scope.scope): scope.error_kind for scope in result.record.scopes if scope.outcome is Outcome.FAILED}
    answer = {
        "run": result.record.run_id,
        "outcome": result.record.outcome,
        "snapshot": result.record.snapshot,
        "rows": result.rows,
        "failed": failed,
        "warning": result.warning,
    }
    if result.record.outcome is Outcome.FAILED:
        raise FatalError(f"nothing was published: {json.dumps(answer)}")
    return answer


def _log(event: Event) -> None:
    if event.name != "page":
        line = {"event": event.name, "scope": str(event.scope) if event.scope else None, "detail": event.detail}
        print(json.dumps(line))  # noqa: T201  # a function's log is its standard output

"""A sync as a Lambda function: settings from REKLAKE_ variables, the lake on S3, the outcome as the answer.

What fails as a whole is raised, so that the function's error metric and its destinations on failure tell of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pipeline import settings
from pipeline.errors import BusyError, FatalError, UsageError
from pipeline.jobs import sync as run
from pipeline.lake.run_record import Outcome

CACHE = "/tmp/reklake"  # noqa: S108  # the only place that a function may write to


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Sync once; the answer has the run, how it ended, its rows and the scopes that failed, with their kinds."""
    os.environ.setdefault("REKLAKE_CACHE", CACHE)
    chosen = settings.load()
    if not chosen.lake.lower().startswith("s3:"):
        raise UsageError(f"{chosen.lake}: what a function writes elsewhere is lost. Set REKLAKE_LAKE to s3://...")
    try:
        result = run.sync(chosen, _log)
    except BusyError as error:  # no error of this function: another writer was faster, and nothing is lost
        return {"outcome": "busy", "reason": str(error)}
    failed = {str(one.scope): one.error_kind for one in result.record.scopes if one.outcome is Outcome.FAILED}
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


def _log(event: run.Event) -> None:
    if event.name != "page":
        line = {"event": event.name, "scope": str(event.scope) if event.scope else None, "detail": event.detail}
        print(json.dumps(line))  # noqa: T201  # a function's log is its standard output

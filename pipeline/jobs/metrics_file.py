"""How a run ended, for Prometheus: the text exposition format, and a file that its node_exporter picks up."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import ReklakeError, UsageError
from pipeline.jobs.run_context import CHECK_MEMORY, Result
from pipeline.lake import Lake, run_log, snapshot
from pipeline.lake.installed import software
from pipeline.lake.local import sync
from pipeline.lake.run_record import Outcome, RunRecord
from pipeline.model.page import Scope
from pipeline.query import run_views
from pipeline.query.checks import CheckResult

HELP: Mapping[str, str] = {
    "reklake_build_info": "Always 1; the versions that ran are in the labels.",
    "reklake_last_run_timestamp_seconds": "When the last run ended, however it did.",
    "reklake_last_run_duration_seconds": "How long the last run took.",
    "reklake_last_run_outcome": "1 for how the last run ended, 0 for the other outcomes.",
    "reklake_last_success_timestamp_seconds": "When the last sync ended that listed every scope to its end.",
    "reklake_rows": "Rows of each table of the published snapshot.",
    "reklake_scopes": "Scopes (account and region) that the last run asked, by how they ended.",
    "reklake_scope_failed": "1 for each scope that the last run could not list to its end.",
    "reklake_detail_failed": "1 for each detail of a scope (datasets, tags, policies) that the last run lacks.",
    "reklake_scope_last_complete_timestamp_seconds": "When the listing ended that a scope's rows were last known from.",
    "reklake_scopes_stale": "Scopes whose last attempt did not complete; they keep the rows they had.",
    "reklake_api_calls": "Calls of the last run to AWS, each attempt counted.",
    "reklake_api_retries": "Attempts of the last run beyond the first of each call.",
    "reklake_api_throttles": "Calls of the last run that AWS turned away as too many.",
    "reklake_checks_failed": "Data checks that found rows after the last run, by severity.",
}
"""Every metric, in the order of the file. All are gauges: they tell of one run, and may fall."""
RUN_OUTCOMES = (Outcome.COMPLETE, Outcome.PARTIAL, Outcome.FAILED)
SEVERITIES = ("error", "warn")
READABLE = 0o644
"""The collector is another user than the one who syncs."""
UNKNOWN = "unknown"

MICROSECONDS = 10**6
LAST_SUCCESS = "select epoch_us(max(ended_at)) from main.runs where kind = 'sync' and outcome = 'complete'"
FRESHNESS = "select account_id, region, epoch_us(last_complete_at), stale_since is not null from main.scopes"

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
"""Values by metric and labels; a dictionary, because the format takes each series once."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the lake stands: the published rows, and what the records of all runs say together.

    `last_success` is when the last complete sync ended, and `last_complete` has, for each scope of the snapshot, when
    the listing ended that its rows were last known from: both in seconds since 1970. `stale` counts those scopes, and
    the run's own, whose last attempt did not complete.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    last_success: float | None = None
    last_complete: Mapping[Scope, float] = field(default_factory=dict)
    stale: int = 0


def text(result: Result, lake: Lake) -> str:
    """Return the metrics of a run that ended with a result, whatever its outcome."""
    run = result.record
    # the checks are unknown where the run broke off between publishing and them
    checks = None if result.warning and not result.checks else result.checks
    return render(run, standing(lake, run) or Standing(result.rows), checks=checks)


def text_of_failure(lake: Lake | None, began_at: datetime) -> str:
    """Return the metrics of a run that ended in an exception, or could not even begin: it has failed.

    What the lake says of itself is told as far as it can be read; None, if not even the lake is known.
    """
    ended_at = datetime.now(UTC)
    known = standing(lake) if lake else None
    return render(None, known, ended_at=ended_at, seconds=(ended_at - began_at).total_seconds())


def standing(lake: Lake, run: RunRecord | None = None) -> Standing | None:
    """Read how the lake stands after the run that has just ended; None if it cannot be read."""
    with suppress(ReklakeError, OSError):
        published = snapshot.find(lake)
        sources = published.sources if published else {}
        run_log.fetch(lake)
        ((succeeded_us,),) = run_views.ask(lake.root, LAST_SUCCESS, memory=CHECK_MEMORY)
        last_complete = {scope: source.listed_at.timestamp() for scope, source in sources.items()}
        stale = {scope.scope for scope in run.scopes} if run else set()
        stale.update(sources)
        for account_id, region, complete_us, is_stale in run_views.ask(lake.root, FRESHNESS, memory=CHECK_MEMORY):
            scope = Scope(region, account_id)
            # a sync that finds nothing changed publishes no snapshot, so the sources do not know its listing
            if scope in sources and complete_us is not None:
                last_complete[scope] = max(last_complete[scope], complete_us / MICROSECONDS)
            if not is_stale:
                stale.discard(scope)
        last_success = None if succeeded_us is None else succeeded_us / MICROSECONDS
        return Standing(published.rows if published else {}, last_success, last_complete, len(stale))
    return None


def render(
    run: RunRecord | None,
    known: Standing | None,
    *,
    checks: Iterable[CheckResult] | None = None,
    ended_at: datetime | None = None,
    seconds: float | None = None,
) -> str:
    """Return the text (format 0.0.4) of what is given; what is unknown has no series.

    Without a run, it has failed, at `ended_at` and after so many `seconds`. Pure, but for the versions of the software.
    """
    samples: Samples = {name: {} for name in HELP}

    def add(name: str, value: float | None, **labels: str) -> None:
        if value is not None:
            samples[name][tuple(labels.items())] = value

    versions = run.software if run and run.software else software()
    others = {name: versions[name] for name in ("python", "boto3", "pyarrow", "duckdb") if name in versions}
    add("reklake_build_info", 1, version=versions.get("reklake", UNKNOWN), **others)
    _add_run(add, run, ended_at, seconds)
    if known:
        add("reklake_last_success_timestamp_seconds", known.last_success)
        for table, count in known.rows.items():
            add("reklake_rows", count, table=table)
        for scope, at in sorted(known.last_complete.items(), key=lambda item: item[0]):
            add("reklake_scope_last_complete_timestamp_seconds", at, **_labels(scope))
        add("reklake_scopes_stale", known.stale)
    if checks is not None:
        severities = [one.severity for one in checks if not one.passed]
        for severity in dict.fromkeys([*SEVERITIES, *severities]):
            add("reklake_checks_failed", severities.count(severity), severity=severity)
    return "".join(_lines(samples))


def check(path: Path) -> None:
    """UsageError if the metrics could not be written there: to be asked before a run, not after it."""
    target = path.expanduser().resolve()
    if target.exists() and not target.is_file():
        # a rename would put a file in place of a device
        raise UsageError(f"{path}: is not a file. Give --metrics-file the name of a file, such as reklake.prom.")
    if not target.parent.is_dir():
        raise UsageError(
            f"{path}: cannot be written: there is no folder {target.parent}. Make it, or give --metrics-file a file in "
            "another."
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be written: {_remedy(target)}")


def write(path: Path, text: str) -> None:
    """Put the text there at once: who reads the file sees the old one or the new one, whole.

    UsageError if it cannot be written; the old file stays.
    """
    check(path)
    target = path.expanduser().resolve()
    beside: Path | None = None
    try:
        # hidden, and not named as the collector's files are (*.prom)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        beside = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fchmod(descriptor, READABLE)
            os.fsync(descriptor)
        beside.replace(target)
        beside = None
        sync(target.parent)
    except OSError as error:
        why = f"{error.strerror}. " if error.strerror else ""
        raise UsageError(f"{path}: cannot be written: {why}{_remedy(target)}") from error
    finally:
        if beside:
            beside.unlink(missing_ok=True)


def _add_run(add: Any, run: RunRecord | None, ended_at: datetime | None, seconds: float | None) -> None:
    """Add what is of the run itself."""
    outcome = run.outcome if run else Outcome.FAILED
    add("reklake_last_run_timestamp_seconds", _seconds((_instant(run.ended_at) if run else None) or ended_at))
    add("reklake_last_run_duration_seconds", run.seconds.get("total", seconds) if run else seconds)
    for one in RUN_OUTCOMES:
        add("reklake_last_run_outcome", int(one == outcome), outcome=one)
    if run is None:
        return
    for one in Outcome:
        add("reklake_scopes", sum(scope.outcome == one for scope in run.scopes), outcome=one)
    for scope in run.scopes:
        labels = _labels(scope.scope)
        if scope.outcome == Outcome.FAILED:
            add("reklake_scope_failed", 1, **labels, error_kind=scope.error_kind or UNKNOWN)
        for detail in scope.details:
            if detail.outcome not in {Outcome.COMPLETE, Outcome.SKIPPED}:
                add("reklake_detail_failed", 1, **labels, detail=detail.detail, error_kind=detail.error_kind or UNKNOWN)
    add("reklake_api_calls", sum(scope.calls for scope in run.scopes))
    add("reklake_api_retries", sum(scope.retries for scope in run.scopes))
    add("reklake_api_throttles", sum(scope.throttles for scope in run.scopes))


def _instant(text: Any) -> datetime | None:
    with suppress(TypeError, ValueError):
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _labels(scope: Scope) -> dict[str, str]:
    return {"account_id": scope.account_id, "region": scope.region}


def _lines(samples: Samples) -> Iterator[str]:
    for name, series in samples.items():
        if series:
            yield f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n"
        for labels, value in series.items():
            inner = ",".join(f'{label}="{_escaped(one)}"' for label, one in labels)
            yield f"{name}{{{inner}}} {value!r}\n" if labels else f"{name} {value!r}\n"


def _escaped(value: str) -> str:
    """Return a label's value as it stands between its quotes; the format knows three escapes."""
    sound = value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return sound.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _remedy(target: Path) -> str:
    return (
        f"Give the user that runs reklake the right to write to {target.parent}, and room there, or give "
        "--metrics-file a file in another folder."
    )

"""Metrics of a run for Prometheus, in the text exposition format, written to a file for node_exporter."""

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
from pipeline.jobs.run_context import CHECK_MEMORY, RunResult
from pipeline.lake import Lake, run_log, snapshot
from pipeline.lake.installed import software
from pipeline.lake.local import sync
from pipeline.lake.run_record import Outcome, RunRecord
from pipeline.model.operations import DETAILS
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
    "reklake_detail_failed": f"1 for each detail of a scope ({', '.join(DETAILS)}) that the last run lacks.",
    "reklake_scope_last_complete_timestamp_seconds": "When the listing ended that a scope's rows were last known from.",
    "reklake_scopes_stale": "Scopes whose last attempt did not complete; they keep the rows they had.",
    "reklake_api_calls": "Calls of the last run to AWS, each attempt counted.",
    "reklake_api_retries": "Attempts of the last run beyond the first of each call.",
    "reklake_api_throttles": "Calls of the last run that AWS turned away as too many.",
    "reklake_checks_failed": "Data checks that found rows after the last run, by severity.",
}
"""Every metric, in the order of the file. All are gauges: they describe a single run, and can fall."""
RUN_OUTCOMES = (Outcome.COMPLETE, Outcome.PARTIAL, Outcome.FAILED)
SEVERITIES = ("error", "warn")
READABLE = 0o644
"""node_exporter runs as another user than the sync."""
UNKNOWN = "unknown"

MICROSECONDS = 10**6
LAST_SUCCESS = "select epoch_us(max(ended_at)) from main.runs where kind = 'sync' and outcome = 'complete'"
FRESHNESS = "select account_id, region, epoch_us(last_complete_at), stale_since is not null from main.scopes"

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
"""Values by metric and labels; a dictionary, because the format takes each series once."""


@dataclass(frozen=True, slots=True)
class LakeState:
    """The state of the lake: its published rows, and what the records of all runs say together.

    `last_success` is when the last complete sync ended. `last_complete` has, for each scope of the snapshot, when the
    last complete listing ended that confirmed its rows. Both are in seconds since 1970. `stale` counts the scopes, the
    run's own included, whose last attempt did not complete.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    last_success: float | None = None
    last_complete: Mapping[Scope, float] = field(default_factory=dict)
    stale: int = 0


def text(result: RunResult, lake: Lake) -> str:
    """Return the metrics of a run that has a result, whatever its outcome."""
    run = result.record
    # the checks are unknown if something went wrong between publishing and them
    checks = None if result.warning and not result.checks else result.checks
    return render(run, lake_state(lake, run) or LakeState(result.rows), checks=checks)


def text_of_failure(lake: Lake | None, began_at: datetime) -> str:
    """Return the metrics of a run that failed with an exception, or could not begin.

    They include the state of the lake as far as it can be read; `lake` is None if it is not known.
    """
    ended_at = datetime.now(UTC)
    known = lake_state(lake) if lake else None
    return render(None, known, ended_at=ended_at, seconds=(ended_at - began_at).total_seconds())


def lake_state(lake: Lake, run: RunRecord | None = None) -> LakeState | None:
    """Return the state of the lake after a run (None: any); None if it cannot be read."""
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
            # a sync that finds no change publishes no snapshot, so the sources do not have its listing
            if scope in sources and complete_us is not None:
                last_complete[scope] = max(last_complete[scope], complete_us / MICROSECONDS)
            if not is_stale:
                stale.discard(scope)
        last_success = None if succeeded_us is None else succeeded_us / MICROSECONDS
        return LakeState(published.rows if published else {}, last_success, last_complete, len(stale))
    return None


def render(
    run: RunRecord | None,
    known: LakeState | None,
    *,
    checks: Iterable[CheckResult] | None = None,
    ended_at: datetime | None = None,
    seconds: float | None = None,
) -> str:
    """Return the metrics as text (format 0.0.4). Unknown values have no series.

    Without `run`, the run has failed at `ended_at`, after `seconds`. Pure, except for the versions of the software.
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
        severities = [result.severity for result in checks if not result.passed]
        for severity in dict.fromkeys([*SEVERITIES, *severities]):
            add("reklake_checks_failed", severities.count(severity), severity=severity)
    return "".join(_lines(samples))


def check(path: Path) -> None:
    """Raise UsageError if the metrics could not be written there. Call it before a run."""
    target = path.expanduser().resolve()
    if target.exists() and not target.is_file():
        # renaming would replace a device with a file
        raise UsageError(f"{path}: is not a file. Give --metrics-file the name of a file, such as reklake.prom.")
    if not target.parent.is_dir():
        raise UsageError(
            f"{path}: cannot be written: there is no folder {target.parent}. Make it, or give --metrics-file a file in "
            "another."
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be written: {_remedy(target)}")


def write(path: Path, text: str) -> None:
    """Write the file atomically: readers see the old file or the new one, never a mix.

    UsageError if it cannot be written; the old file stays.
    """
    check(path)
    target = path.expanduser().resolve()
    beside: Path | None = None
    try:
        # hidden, and not named *.prom, so that node_exporter does not read it
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
    """Add the metrics of the run itself."""
    outcome = run.outcome if run else Outcome.FAILED
    add("reklake_last_run_timestamp_seconds", _seconds((_instant(run.ended_at) if run else None) or ended_at))
    add("reklake_last_run_duration_seconds", run.seconds.get("total", seconds) if run else seconds)
    for possible in RUN_OUTCOMES:
        add("reklake_last_run_outcome", int(possible == outcome), outcome=possible)
    if run is None:
        return
    for possible in Outcome:
        add("reklake_scopes", sum(scope.outcome == possible for scope in run.scopes), outcome=possible)
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
            inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
            yield f"{name}{{{inner}}} {value!r}\n" if labels else f"{name} {value!r}\n"


def _escaped(value: str) -> str:
    """Return a label's value as it is written between quotes; the format has three escapes."""
    valid = value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return valid.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _remedy(target: Path) -> str:
    return (
        f"Allow the user that runs reklake to write to {target.parent}, and make room there, or give --metrics-file a "
        "file in another folder."
    )

"""The run records of a lake: found by id or newest first, compacted by day, fetched for the views.

A record is a JSON file until its day (UTC) has ended. The next sync then writes all records of the day to one Parquet
file, and a day later a sync, or `gc`, removes the JSON files that this file supersedes. Until then both exist, and
readers use the Parquet file. A record that is finished after its day was compacted, or that Parquet cannot hold, stays
a JSON file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path
from typing import Any

from pipeline.lake import run_days
from pipeline.lake.base import RUNS, Lake
from pipeline.lake.run_record import SUFFIX, parse, started_at

OVERLAP = timedelta(days=1)
"""How long JSON files stay beside the Parquet file of their day: a query that began before it still reads them."""


@dataclass(slots=True)
class _Day:
    """The records of a day: the runs that have a JSON file, and whether the day has a Parquet file."""

    json: list[str] = field(default_factory=list)
    is_compacted: bool = False


def read(lake: Lake, run_id: str) -> dict[str, Any] | None:
    """Return a run's record; None if it has none, or its JSON file cannot be read.

    LakeError if the Parquet file of its day is damaged.
    """
    if Path(run_id).name != run_id:  # it becomes part of a path
        return None
    try:
        return parse(lake.read(f"{RUNS}/{run_id}{SUFFIX}"))
    except OSError:
        pass
    try:
        path = lake.fetch(_day_file(_day_of(run_id)))
    except OSError:
        return None
    return next(iter(run_days.read(path, run_id)), None)


def newest_first(lake: Lake, since: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield the readable records of all runs, or of those that began since an instant.

    A file is read when its first record is needed. LakeError if the Parquet file of a day is damaged.
    """
    for day, found in _days(lake, since):
        compacted = run_days.read(lake.fetch(_day_file(day))) if found.is_compacted else []
        documents = {document["run_id"]: document for document in compacted}
        for run_id in sorted({*documents, *found.json}, reverse=True):
            document = documents.get(run_id) or read(lake, run_id)
            if document and (since is None or _is_since(run_id, since)):
                yield document


def run_ids(lake: Lake, since: datetime | None = None) -> set[str]:
    """Return the ids of all runs with a record, readable or not, or of those that began since an instant."""
    found = set[str]()
    for day, of_day in _days(lake, since):
        found.update(of_day.json)
        if of_day.is_compacted:
            found.update(_compacted(lake, day))
    return {run_id for run_id in found if since is None or _is_since(run_id, since)}


def compact(lake: Lake) -> None:
    """Write the Parquet file of each day that has ended and has none, and remove the JSON files of days long compacted.

    Call it under the lake's lock. On S3, which has no locks, the first of two writers makes the file.
    """
    names = lake.entries(RUNS)
    if run_days.NONE not in names:
        lake.write_if_absent(f"{RUNS}/{run_days.NONE}", run_days.to_parquet([]))
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for day, found in _days(lake):
        if day < today and not found.is_compacted:
            documents = [read(lake, run_id) for run_id in found.json if started_at(run_id)]
            fitting = [document for document in documents if document and run_days.is_lossless(document)]
            if fitting:
                lake.write_if_absent(_day_file(day), run_days.to_parquet(fitting))
    for name in [*superseded(lake, datetime.now(UTC) - OVERLAP)]:
        lake.remove(name)


def superseded(lake: Lake, made_before: datetime) -> Iterator[str]:
    """Yield the JSON files whose records are in an intact Parquet file that was made before an instant."""
    for day, found in _days(lake):
        if not found.is_compacted or not found.json:
            continue
        facts = run_days.facts(lake.fetch(_day_file(day)))
        names = [f"{RUNS}/{run_id}{SUFFIX}" for run_id in found.json if run_id in facts.run_ids]
        if names and facts.made_at < made_before:
            lake.forget(_day_file(day))  # check the stored file, not a copy of it
            if run_days.is_intact(lake.fetch(_day_file(day))):
                yield from names


def needed(lake: Lake) -> list[str]:
    """Return the files in runs/ that together hold each record once: Parquet files, and JSON files not in them."""
    names = [run_days.NONE]
    for day, found in _days(lake):
        if found.is_compacted:
            names.append(f"{day}{run_days.SUFFIX}")
        names.extend(f"{run_id}{SUFFIX}" for run_id in _only_json(lake, day, found))
    return names


def fetch(lake: Lake) -> Path:
    """Return a folder on this machine with all run records. Some may be in it twice, as JSON and in Parquet."""
    if lake.is_local:
        return lake.root / RUNS
    lake.fetch_folder(RUNS, lambda name: name.endswith(run_days.SUFFIX))
    return lake.fetch_folder(RUNS, set(needed(lake)).__contains__)


def json_patterns(lake: Lake) -> tuple[str, list[str]]:
    """Return the last day that has a Parquet file ("" if none has), and the JSON files that a query must read.

    The files are glob patterns in runs/: one for all later days, so that future records match, and one for each older
    file that is in no Parquet file. A query then reads no record twice, and `gc` removes no file that it reads.
    """
    days = _days(lake)
    last = next((day for day, found in days if found.is_compacted), "")
    if not last:
        return last, [f"*{SUFFIX}"]
    others = [
        run_id
        for day, found in days
        for run_id in _only_json(lake, day, found)
        if day <= last or not started_at(run_id)  # finished late, or not named as a run
    ]
    return last, [f"{start}*{SUFFIX}" for start in _after(last)] + [f"{escape(run_id)}{SUFFIX}" for run_id in others]


def _after(day: str) -> Iterator[str]:
    """Yield glob patterns for the first digits of the ids of runs that begin on a later day of this century."""
    digits = day.replace("-", "")
    for place in range(len("20"), len(digits)):
        if digits[place] != "9":
            yield f"{digits[:place]}[{int(digits[place]) + 1}-9]"


def _days(lake: Lake, since: datetime | None = None) -> list[tuple[str, _Day]]:
    """Return the days that have records, latest first, from the day of an instant on."""
    days = defaultdict[str, _Day](_Day)
    for name in lake.entries(RUNS):
        stem, _, suffix = name.rpartition(".")
        if f".{suffix}" == SUFFIX:
            days[_day_of(stem)].json.append(stem)
        elif f".{suffix}" == run_days.SUFFIX and name != run_days.NONE:
            days[stem].is_compacted = True
    first = f"{since:%Y-%m-%d}" if since else ""
    return sorted(((day, found) for day, found in days.items() if day >= first), reverse=True)


def _only_json(lake: Lake, day: str, found: _Day) -> list[str]:
    """Return the runs of a day whose record is not in its Parquet file."""
    if not found.is_compacted or not found.json:
        return found.json
    compacted = _compacted(lake, day)
    return [run_id for run_id in found.json if run_id not in compacted]


def _compacted(lake: Lake, day: str) -> frozenset[str]:
    return run_days.facts(lake.fetch(_day_file(day))).run_ids


def _day_of(run_id: str) -> str:
    """Return the day on which a run began, as its Parquet file is named."""
    return f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}"


def _day_file(day: str) -> str:
    return f"{RUNS}/{day}{run_days.SUFFIX}"


def _is_since(run_id: str, since: datetime) -> bool:
    started = started_at(run_id)
    return started is not None and started >= since

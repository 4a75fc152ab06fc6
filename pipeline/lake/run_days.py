"""The records of a day in one Parquet file: a row per run and scope; a run without scopes has one row with nulls.

The columns are the members of a record. Members that both a run and a scope have are named `run_<name>` for the run.
Members whose keys are not declared, such as arguments and software, are JSON text. Details are a list of structs.

The file's metadata hold the ids of its runs (`reklake.run_ids`), when it was made (`reklake.made_at`, ISO 8601) and
`reklake.sha256`: the SHA-256 in hexadecimal of the records' canonical JSON, each followed by a line feed, in the order
of their ids.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.lake.run_record import CHECKSUM, canonical, text_of

SUFFIX = ".parquet"
NONE = f"none{SUFFIX}"
"""A file without rows that always exists, so that the views' pattern matches a file before the first day has ended."""
STAGES = ("extract", "flatten", "load", "total")
JSON_TEXT = frozenset({"arguments", "software", "left_out", "calls_by_operation"})

_INSTANT = pa.timestamp("us", "UTC")
_DETAIL = pa.struct(
    {"detail": pa.string(), "outcome": pa.string(), "error_kind": pa.string(), "error": pa.string()}
    | {"unknown_members": pa.int64()}
)
_OF_RUN = {
    "run_id": pa.field("run_id", pa.string(), nullable=False),
    "kind": pa.field("run_kind", pa.string()),
    "outcome": pa.field("run_outcome", pa.string()),
    "started_at": pa.field("run_started_at", _INSTANT),
    "ended_at": pa.field("run_ended_at", _INSTANT),
    "error": pa.field("run_error", pa.string()),
    "snapshot": pa.field("snapshot", pa.string()),
    "arguments": pa.field("arguments", pa.string()),
    "software": pa.field("software", pa.string()),
    "left_out": pa.field("left_out", pa.string()),
    CHECKSUM: pa.field(CHECKSUM, pa.string()),
}
_SECONDS = {stage: pa.field(f"{stage}_seconds", pa.float64()) for stage in STAGES}
_SCOPE_NUMBER = pa.field("scope_number", pa.int32(), nullable=False)
"""The scope's 0-based place in its record; 0 for a run without scopes, so that each run has exactly one 0."""
_TEXTS = ("account_id", "region", "outcome", "error_kind", "error", "resumed_from", "calls_by_operation")
_INSTANTS = ("listed_at", "started_at", "ended_at")
_COUNTS = ("calls", "retries", "throttles", "pages", "projects", "versions", "unknown_members")
_OF_SCOPE = {
    **{name: pa.field(name, pa.string()) for name in _TEXTS},
    **{name: pa.field(name, _INSTANT) for name in _INSTANTS},
    **{name: pa.field(name, pa.int64()) for name in _COUNTS},
    "seconds": pa.field("seconds", pa.float64()),
    "details": pa.field("details", pa.list_(_DETAIL)),
}
SCHEMA = pa.schema([*_OF_RUN.values(), *_SECONDS.values(), _SCOPE_NUMBER, *_OF_SCOPE.values()])


@dataclass(frozen=True, slots=True)
class DayFacts:
    """The metadata of a day's file."""

    run_ids: frozenset[str]
    made_at: datetime
    sha256: str


def to_parquet(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a Parquet file of the records, in the order of their ids."""
    ordered = sorted(documents, key=itemgetter("run_id"))
    metadata = {
        "reklake.run_ids": json.dumps([document["run_id"] for document in ordered]),
        "reklake.made_at": datetime.now(UTC).isoformat(),
        "reklake.sha256": _digest(ordered),
    }
    rows = [row for document in ordered for row in _rows(document)]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA.with_metadata(metadata)), file, compression="zstd")
    return file.getvalue()


def is_lossless(document: Mapping[str, Any]) -> bool:
    """Whether the record comes back from Parquet unchanged.

    It does not if it has undeclared members or kinds of values, as the record of a later version may.
    """
    try:
        table = pa.Table.from_pylist([*_rows(document)], SCHEMA)
        return [canonical(found) for found in _documents(table)] == [canonical(document)]
    except (pa.ArrowException, AttributeError, LookupError, OverflowError, TypeError, ValueError):
        return False


def read(path: Path, run_id: str | None = None) -> list[dict[str, Any]]:
    """Return the records of a day's file, or only that of one run, in the order of their ids.

    LakeError if the file cannot be read.
    """
    try:
        table = pq.read_table(path, filters=[("run_id", "=", run_id)] if run_id else None, partitioning=None)
        return [*_documents(table)]
    except (pa.ArrowException, OSError, LookupError, ValueError) as error:
        raise _unreadable(path, error) from error


def facts(path: Path) -> DayFacts:
    """Return the metadata of a day's file; LakeError if it cannot be read."""
    try:
        metadata = pq.read_metadata(path).metadata
        return DayFacts(
            frozenset(json.loads(metadata[b"reklake.run_ids"])),
            datetime.fromisoformat(metadata[b"reklake.made_at"].decode()),
            metadata[b"reklake.sha256"].decode(),
        )
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error


def is_intact(path: Path) -> bool:
    """Whether a day's file is as it was written; LakeError if it cannot be read."""
    return _digest(read(path)) == facts(path).sha256


def _digest(documents: Sequence[Mapping[str, Any]]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        digest.update(canonical(document) + b"\n")
    return digest.hexdigest()


def _rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a record's rows, without members that are not declared."""
    run = {field.name: _encoded(document.get(name), field) for name, field in _OF_RUN.items()}
    seconds = document.get("seconds") or {}
    run |= {field.name: seconds.get(stage) for stage, field in _SECONDS.items()}
    for number, scope in enumerate(document["scopes"] or [{}]):
        of_scope = {name: _encoded(scope.get(name), field) for name, field in _OF_SCOPE.items()}
        yield {**run, _SCOPE_NUMBER.name: number, **of_scope}


def _documents(table: pa.Table) -> Iterator[dict[str, Any]]:
    for _, of_run in groupby(table.to_pylist(), key=itemgetter("run_id")):
        rows = [*of_run]
        document = {name: _decoded(rows[0][field.name], field) for name, field in _OF_RUN.items()}
        seconds = {stage: rows[0][field.name] for stage, field in _SECONDS.items()}
        document["seconds"] = {stage: value for stage, value in seconds.items() if value is not None}
        scopes = [row for row in rows if row["account_id"] is not None]
        document["scopes"] = [{name: _decoded(row[name], field) for name, field in _OF_SCOPE.items()} for row in scopes]
        yield document


def _encoded(value: Any, field: pa.Field) -> Any:
    if value is None:
        return None
    if field.name in JSON_TEXT:
        return json.dumps(value, separators=(",", ":"))
    return datetime.fromisoformat(value) if field.type == _INSTANT else value


def _decoded(value: Any, field: pa.Field) -> Any:
    if value is None:
        return {} if field.name in JSON_TEXT else None
    if field.name in JSON_TEXT:
        return json.loads(value)
    return text_of(value) if field.type == _INSTANT else value


def _unreadable(path: Path, error: Exception) -> LakeError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return LakeError(
        f"{path}: cannot be read: {reason}. If the JSON records of that day still exist, remove the file, and the next "
        "sync makes it again. Otherwise restore it from a backup."
    )

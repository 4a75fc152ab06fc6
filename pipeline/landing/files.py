"""The landed files of a run: their names and schema, and which of them are complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.lake import RAW, Lake
from pipeline.model.page import Scope

SUFFIX = ".parquet"
OUTCOME = b"reklake.outcome"
LISTED_DETAILS = b"reklake.details"
"""File metadata: the details (model.operations.DETAILS) that were listed for every resource, comma-separated."""
COMPLETE, FAILED = "complete", "failed"
_IN_A_NAME = re.compile(r"[A-Za-z0-9-]+")
NEVER = datetime.fromtimestamp(0, UTC)
"""In place of the time of a listing that has no page."""


def _field(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": description})


SCHEMA = pa.schema(
    [
        _field("account_id", pa.string(), "AWS account that was asked."),
        _field("region", pa.string(), "AWS region that was asked."),
        _field("operation", pa.string(), "The API operation, such as DescribeProjects."),
        _field("project_arn", pa.string(), "Project that was asked about; empty for DescribeProjects."),
        _field("listing", pa.int64(), "Grows when a listing began again; only the last one counts. 1-based."),
        _field("page_number", pa.int64(), "Place of the page in its listing, 1-based; 0 for a vanished project."),
        _field("http_status", pa.int64(), "200, or 400 for the ResourceNotFoundException of a vanished project."),
        _field("observed_at", pa.timestamp("us", tz="UTC"), "When the answer had arrived."),
        _field("request_id", pa.string(), "AWS's id of the request, for AWS support."),
        _field("body", pa.binary(), "The answer's body, byte for byte."),
        _field("resource_arn", pa.string(), "Dataset, project or version a detail asked about; empty in listings."),
        _field("digest", pa.binary(), "SHA-256 of the items as they came, without the token; empty if not taken."),
    ]
)


@dataclass(frozen=True, slots=True)
class LandedScope:
    """A scope's landed file.

    `complete` says whether the scope was listed to its end. `listed_at` is when its last page arrived, NEVER if
    there is none. `details` are those that were listed for every resource.
    """

    scope: Scope
    run_id: str
    path: Path
    complete: bool
    listed_at: datetime
    details: frozenset[str] = frozenset()


def folder(run_id: str) -> str:
    """Return the name of the folder of a run's landed files."""
    return f"{RAW}/{run_id}"


def landed_scopes(lake: Lake, run_id: str) -> list[LandedScope]:
    """Return the landed files of a run, in key order; LakeError if there are none or one cannot be read."""
    is_name = Path(run_id).name == run_id  # it becomes part of a path
    scopes = scopes_of(lake, run_id) if is_name else []
    if not scopes:
        runs = lake.entries(RAW)[::-1]
        raise LakeError(
            f"{lake}: no landed pages of run {run_id!r}. "
            + (f"Landed runs, newest first: {', '.join(runs[:5])}." if runs else "No run has landed pages here.")
        )
    return [scope_file(lake, run_id, scope) for scope in scopes]


def scopes_of(lake: Lake, run_id: str) -> list[Scope]:
    """Return the scopes that the run has landed, in key order."""
    stems = [name.removesuffix(SUFFIX) for name in lake.entries(folder(run_id)) if name.endswith(SUFFIX)]
    return sorted(Scope(region, account_id) for account_id, _, region in (stem.partition("_") for stem in stems))


def scope_file(lake: Lake, run_id: str, scope: Scope) -> LandedScope:
    """Return one scope's landed file; LakeError if it is missing or damaged."""
    name = file_name(run_id, scope)
    try:
        path = lake.fetch(name)
    except OSError as error:
        raise LakeError(f"{lake}: {name}: the landed pages cannot be read: {error}.") from error
    file = open_file(path)
    listed_at = _listed_at(file)
    metadata = file.metadata.metadata or {}
    is_complete = metadata.get(OUTCOME) == COMPLETE.encode() and listed_at > NEVER
    details = frozenset(metadata.get(LISTED_DETAILS, b"").decode().split(",")) - {""}
    return LandedScope(scope, run_id, path, is_complete, listed_at, details)


def is_readable(landed: LandedScope) -> bool:
    """Whether the file can be read to its end, with every checksum right."""
    file = open_file(landed.path)
    try:
        for group in range(file.num_row_groups):
            file.read_row_group(group, use_threads=False)
    except (OSError, pa.ArrowException):
        return False
    return True


def take_over(lake: Lake, found: LandedScope, run_id: str) -> LandedScope:
    """Link a scope's landed file into another run, as if that run had listed it."""
    lake.link(file_name(found.run_id, found.scope), file_name(run_id, found.scope))
    return scope_file(lake, run_id, found.scope)


def file_name(run_id: str, scope: Scope) -> str:
    """Return the name of a scope's file in the lake; LakeError if the scope cannot be part of a path."""
    # the account id comes from STS or from an ARN, and becomes part of a path here
    for word in (scope.account_id, scope.region):
        if not _IN_A_NAME.fullmatch(word):
            raise LakeError(
                f"account {scope.account_id!r}, region {scope.region!r}: cannot be landed: AWS has no such name."
            )
    return f"{folder(run_id)}/{scope.account_id}_{scope.region}{SUFFIX}"


def _listed_at(file: pq.ParquetFile) -> datetime:
    column = SCHEMA.get_field_index("observed_at")
    groups = [file.metadata.row_group(number).column(column).statistics for number in range(file.num_row_groups)]
    return max((group.max for group in groups), default=NEVER)


def open_file(path: Path) -> pq.ParquetFile:
    """Open a landed file; LakeError if it cannot be read."""
    with readable(path):
        return pq.ParquetFile(path, page_checksum_verification=True)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """LakeError, naming the file, if what is read of it in the block cannot be."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: cannot be read as landed pages: {error}.") from error

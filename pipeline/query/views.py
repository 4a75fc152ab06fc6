"""The SQL that defines a lake's database: views over a snapshot's Parquet files and the run records, and the marts.

DuckDB resolves a relative path against the reader's working directory, so views name files by the lake's absolute path.
After a lake was moved, `set variable reklake_lake = '...'` names its new place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.lake import MANIFEST
from pipeline.lake.snapshot import HISTORY
from pipeline.model import TABLES, VALID_FROM, VALID_TO, Table, history_of, with_validity
from pipeline.query import run_views, sqlfiles, states
from pipeline.query.sqlfiles import literal

if TYPE_CHECKING:
    from pipeline.settings import Prices

AS_OF = "as_of"
"""The schema of the macros that return a table as of an instant."""
MARTS = "marts"
"""The schema with a second name for each mart. The first is in `main`."""

_REMEDY = "run `reklake doctor`; `reklake rollback` returns to an earlier snapshot"
_SQL_TYPES = {pa.string(): "varchar", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}


def statements(
    lake: Path, *, snapshot: Path, prices: Prices, has_comments: bool = True, has_second_names: bool = True
) -> Iterator[str]:
    """Yield the statements that create every view and macro of a lake; `snapshot` is a folder of its snapshots.

    `main` gets the tables, the views of sql/views and the marts. `marts` gets each mart again. `history` gets every
    state of the tables' rows. `as_of` gets a macro for each table, which returns its rows as of an instant. A table
    that the snapshot lacks is empty, and a column that a file lacks is null: an older version did not declare them.

    Raises LakeError, naming the file, if one is missing, damaged or lacks its table's key.
    """
    root = lake.resolve()
    place = f"coalesce(getvariable('reklake_lake'), {literal(escape(str(root)))})"
    values = {
        **run_views.values(root, place),
        "intervals": states.intervals(TABLES),
        "row_changes": states.row_changes(TABLES),
        "training_hour": repr(float(prices.training_hour)),
        "inference_unit_hour": repr(float(prices.inference_unit_hour)),
        "currency": literal(prices.currency),
    }
    folder = snapshot.resolve()
    files = _Files(folder, f"{place} || '/{folder.relative_to(root).as_posix()}", _table_names(folder / MANIFEST))
    views = sqlfiles.in_order([*sqlfiles.read("views"), *sqlfiles.read("marts")])
    yield from (f"create schema if not exists {schema}" for schema in (HISTORY, AS_OF, MARTS))
    for table in TABLES:
        yield from _table(table, files)
    for view in views:
        yield f"create or replace view {view.view} as\n{view.statement(values)}"
        if view.folder == MARTS and has_second_names:
            yield f"create or replace view {MARTS}.{view.name} as from {view.view}"
    if has_comments:
        for table in TABLES:
            yield from _table_comments(table)
        for view in views:
            yield from _comments(view.view, view.description, view.grain, view.columns)


@dataclass(frozen=True, slots=True)
class _Files:
    """The Parquet files of a snapshot: their folder, the start of an SQL string that names it, and its tables."""

    folder: Path
    location: str
    tables: Collection[str]

    def select(self, table: Table, name: str) -> str:
        """Return a select of the table's columns from the file of that name. Columns that it lacks are null."""
        nulls = {column.name: f'null::{_sql_type(column.type)} as "{column.name}"' for column in table.columns}
        if table.name not in self.tables:
            return f"select {', '.join(nulls.values())} where false"
        file = self.folder / name
        with _named(file), file.open("rb") as opened:
            there = set(pq.read_schema(opened).names)
        required = {"account_id", "region", *table.key, VALID_FROM.name, VALID_TO.name} & nulls.keys()
        if lacking := sorted(required - there):
            raise LakeError(f"{file}: cannot be read as {table.name}: it has no column {lacking[0]}; {_REMEDY}")
        selected = ", ".join(f'"{column}"' if column in there else null for column, null in nulls.items())
        # without hive partitions: a lake under a folder named region=x would show that region
        return f"select {selected} from read_parquet({self.location}/{name}', hive_partitioning = false)"


def _table(table: Table, files: _Files) -> Iterator[str]:
    """Yield the definitions of the table, its history and its macro.

    The macro reads the files, because a macro finds no view once its database is attached under another name. Its
    parameter would replace any bare column of that name, so columns are qualified.
    """
    file = f"{table.name}.parquet"
    lasting = files.select(with_validity(table), file)
    ended = files.select(history_of(table), f"{HISTORY}/{file}")
    columns = ", ".join(f'rows."{column}"' for column in table.names)
    every_state = f"select *, null::timestamptz as {VALID_TO.name} from ({lasting}) union all {ended}"
    yield f"create or replace view main.{table.name} as {files.select(table, file)}"
    yield f"create or replace view {HISTORY}.{table.name} as {every_state}"
    yield (
        f"create or replace macro {AS_OF}.{table.name}(instant) as table "
        f"select {columns} from ({every_state}) as rows "
        f"where rows.{VALID_FROM.name} <= instant::timestamptz "
        f"and (rows.{VALID_TO.name} > instant::timestamptz or rows.{VALID_TO.name} is null)"
    )


def _table_comments(table: Table) -> Iterator[str]:
    for schema, declared in (("main", table), (HISTORY, history_of(table))):
        columns = {column.name: column.description for column in declared.columns}
        yield from _comments(f"{schema}.{table.name}", declared.description, declared.grain, columns)
    text = f"The rows of {table.name} as syncs had last seen them at that instant. Grain: {table.grain}."
    yield f"comment on macro table {AS_OF}.{table.name} is {literal(text)}"


def _comments(view: str, description: str, grain: str, columns: Mapping[str, str]) -> Iterator[str]:
    yield f"comment on view {view} is {literal(f'{description} Grain: {grain}.')}"
    for name, text in columns.items():
        yield f'comment on column {view}."{name}" is {literal(text)}'


def _table_names(manifest: Path) -> frozenset[str]:
    with _named(manifest):
        return frozenset(json.loads(manifest.read_text(encoding="utf-8"))["tables"])


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Turn errors while a file of the snapshot is read into LakeError that names it."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise LakeError(f"{file}: cannot be read: {reason}; {_REMEDY}") from error


def _sql_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of a type; KeyError for types that not every engine reads, such as unsigned integers."""
    return "timestamptz" if pa.types.is_timestamp(kind) else _SQL_TYPES[kind]

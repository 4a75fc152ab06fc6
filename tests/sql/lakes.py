"""Small lakes for tests: rows with only the columns that matter, the rest filled in.

Rows are written as pipe tables. An empty cell is null and `''` the empty string; `\\n` and `\\|` stand for a
line break and a pipe. In columns of ARNs, `p` stands for project p and `p/v` for its version v, both of
account 111122223333 in us-east-1; `999900001111:eu-west-1:p/v` is the same elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import run_days
from pipeline.model import TABLES, Column, Table
from pipeline.model.history import VALID_FROM, VALID_TO
from pipeline.query import database, views
from pipeline.settings import Prices

ACCOUNT = "111122223333"
REGION = "us-east-1"
NOW = "2024-07-01 00:00:00+00"
"""What the clock says in these lakes."""
SINCE = "2024-01-01 00:00:00+00"
"""Since when the rows are as they are, where no history is given."""


def arn(text, account=ACCOUNT, region=REGION):
    """Spell out `p`, `p/v` or `account:region:p/v`; an ARN stays as it is."""
    account, region = account or ACCOUNT, region or REGION
    if text is None or text.startswith("arn:"):
        return text
    *scope, name = text.split(":")
    if scope:
        account, region = scope
    project, _, version = name.partition("/")
    middle = f"{project}/version/{version}" if version else project
    return f"arn:aws:rekognition:{region}:{account}:project/{middle}/1"


def rows_of(text):
    """Return the rows of a pipe table, as dicts of text or None."""
    lines = [_cells(line) for line in text.strip().splitlines() if not re.fullmatch(r"[\s|:]*-[\s|:-]*", line)]
    header, *body = lines
    assert all(len(row) == len(header) for row in body), f"a row is not as long as the header:\n{text}"
    return [dict(zip(header, row, strict=True)) for row in body]


def _cells(line):
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [_value(cell.strip()) for cell in cells]


def _value(cell):
    if cell == "":
        return None
    if cell == "''":
        return ""
    return cell.replace("\\n", "\n").replace("\\|", "|")


def fill(table: Table, row: dict, number: int) -> dict:
    """Give a row the required columns that it leaves out, and spell out its ARNs."""
    unknown = set(row) - {*table.names, VALID_FROM.name, VALID_TO.name}
    assert not unknown, f"{table.name} has no column {unknown}"
    account, region = row.get("account_id", ACCOUNT), row.get("region", REGION)
    project = row.get("project_name") or "p"
    version = row.get("version_name") or f"v{number}"
    usual = {
        "account_id": account,
        "region": region,
        "project_arn": arn(project, account, region),
        "project_version_arn": arn(f"{project}/{version}", account, region),
        "dataset_arn": arn(f"{project}/d{number}", account, region),
        "resource_arn": arn(f"{project}/{version}", account, region),
        "tag_key": f"k{number}",
        "policy_name": f"policy{number}",
        "data_result": "training",
        "stage": "input",
        "asset_index": "0",
        "project_name": project,
        "version_name": version,
    }
    given = {name: arn(value) if name.endswith("_arn") else value for name, value in row.items()}
    return {name: value for name, value in usual.items() if name in table.names} | given


def arrow(table: Table, rows: list[dict], *added: Column) -> pa.Table:
    """Return filled rows in the declared types; keys may be null, so that checks can be tested."""
    columns = (*table.columns, *added)
    schema = pa.schema([pa.field(column.name, column.type) for column in columns])
    if not rows:
        return schema.empty_table()
    filled = [fill(table, row, number) for number, row in enumerate(rows, start=1)]
    texts = pa.table({name: pa.array([row.get(name) for row in filled], pa.string()) for name in schema.names})
    con = _caster()
    con.register("texts", texts)
    casts = ", ".join(f'"{c.name}"::{_duckdb_type(c.type)} as "{c.name}"' for c in columns)
    return con.sql(f"select {casts} from texts").to_arrow_table().cast(schema)


@cache
def _caster() -> duckdb.DuckDBPyConnection:
    """One connection for all: it keeps nothing from one table to the next."""
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    return con


def _duckdb_type(kind: pa.DataType) -> str:
    names = {
        "string": "varchar",
        "int64": "bigint",
        "double": "double",
        "bool": "boolean",
    }
    return "timestamptz" if pa.types.is_timestamp(kind) else names[str(kind)]


def make(lake: Path, given: dict[str, list[dict]] | None = None, runs: list[dict] = ()) -> Path:
    """Write a lake with one snapshot and those run records; return the snapshot's folder.

    `given` holds rows by table (`projects`), which have been so since SINCE, or every state of a table's rows
    (`history.projects`), of which those without valid_to are the current rows.
    """
    given = given or {}
    unknown = set(given) - {name for table in TABLES for name in (table.name, f"history.{table.name}")}
    assert not unknown, f"there is no {unknown}"
    snapshot = lake / "snapshots" / "20240630T000000Z"
    (snapshot / "history").mkdir(parents=True)
    (lake / "runs").mkdir()
    (lake / "runs" / run_days.NONE).write_bytes(run_days.to_parquet([]))
    for table in TABLES:
        rows = [{**row, "valid_from": SINCE} for row in given.get(table.name, ())]
        states = given.get(f"history.{table.name}", ())
        rows += [{name: row[name] for name in row if name != "valid_to"} for row in states if not row.get("valid_to")]
        ended = [row for row in states if row.get("valid_to")]
        pq.write_table(arrow(table, rows, VALID_FROM), snapshot / f"{table.name}.parquet")
        pq.write_table(arrow(table, ended, VALID_FROM, VALID_TO), snapshot / "history" / f"{table.name}.parquet")
    manifest = {
        "format": 4,
        "id": snapshot.name,
        "parent": None,
        "created_at": "2024-06-30T00:00:00Z",
        "software": {},
        "tables": {table.name: {"file": f"{table.name}.parquet"} for table in TABLES},
        "history": {table.name: {"file": f"history/{table.name}.parquet"} for table in TABLES},
        "scopes": [],
        "run": {},
    }
    (snapshot / "manifest.json").write_text(json.dumps(manifest))
    (lake / "CURRENT").write_text(snapshot.name + "\n")
    for record in runs:
        (lake / "runs" / f"{record['run_id']}.json").write_text(json.dumps(record))
    return snapshot


def run_record(run_id="r1", *, kind="sync", outcome="complete", at="2024-06-30T00:00:00Z", scopes=(), **more):
    """Return a run record as a run writes it; each scope is a dict that overrides the usual.

    The scopes of a sync were listed at its end; those of a replay or a rollback say when with `listed_at`.
    """
    usual = {
        "account_id": ACCOUNT,
        "region": REGION,
        "outcome": "complete",
        "error_kind": None,
        "error": None,
        "started_at": at,
        "ended_at": at,
        "listed_at": at if kind == "sync" else None,
        "resumed_from": None,
        "calls": 3,
        "retries": 0,
        "throttles": 0,
        "pages": 3,
        "projects": 2,
        "versions": 5,
        "unknown_members": 0,
        "seconds": 1.5,
    }
    return {
        "run_id": run_id,
        "kind": kind,
        "started_at": at,
        "ended_at": at,
        "outcome": outcome,
        "snapshot": "20240630T000000Z",
        "software": {"reklake": "0.1.0"},
        "arguments": {"regions": [REGION]},
        "error": None,
        "seconds": {"extract": 1.0, "flatten": 0.5, "load": 0.25, "total": 2.0},
        "scopes": [_scope(usual, scope) for scope in scopes],
    } | more


def _scope(usual: dict, scope: dict) -> dict:
    record = usual | scope
    return record if record["outcome"] == "complete" else record | {"listed_at": None}


def run_records(rows: list[dict]) -> list[dict]:
    """Return the records of rows that hold a run's id, kind, at and outcome, and what is unusual of one scope each."""
    runs: dict[str, list[dict]] = {}
    for row in rows:
        runs.setdefault(row["run_id"], []).append(row)
    own = {"run_id", "kind", "at", "outcome"}
    return [
        run_record(
            run_id,
            kind=scopes[0].get("kind") or "sync",
            outcome=scopes[0].get("outcome") or "complete",
            at=scopes[0]["at"],
            scopes=[{name: value for name, value in row.items() if name not in own and value} for row in scopes],
        )
        for run_id, scopes in runs.items()
    ]


@contextmanager
def asked(lake: Path, *, now: str = NOW) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the lake as `connect` does, or take the connection that a lake in its place left with the same views.

    To define them takes most of a small test's time. Nothing of a file is remembered from one lake to the next.
    """
    snapshot = next((lake / "snapshots").iterdir())
    defined = tuple(views.statements(lake, snapshot=snapshot, prices=Prices()))
    if (defined, now) not in _AT_HAND:
        with patch.object(database, "CACHE_FOOTERS", "set enable_external_file_cache = false"):
            _AT_HAND[defined, now] = connect(lake, now=now, memory="256MB")
    yield _AT_HAND[defined, now]


_AT_HAND: dict[tuple[tuple[str, ...], str], duckdb.DuckDBPyConnection] = {}


def connect(lake: Path, *, prices: Prices | None = None, now: str = NOW, **options):
    """Open the lake as `reklake sql` does, at a fixed time."""
    snapshot = next((lake / "snapshots").iterdir())
    con = database.connect(lake, snapshot=snapshot, prices=prices or Prices(), **options)
    con.execute(f"create or replace view main.clock as select timestamptz '{now}' as now_at")
    return con


def texts(relation) -> list[dict]:
    """Return a result as dicts of text or None, in DuckDB's own spelling."""
    columns = ", ".join(f'cast(columns.c{i} as varchar) as "{name}"' for i, name in enumerate(relation.columns))
    names = ", ".join(f"c{i}" for i in range(len(relation.columns)))
    return relation.query("result", f"select {columns} from result as columns({names})").to_arrow_table().to_pylist()

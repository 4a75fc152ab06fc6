"""Published lakes of any size, made without a sync: python bench/lakes.py FOLDER VERSIONS [--projects N] [--runs N].

The rows are computed, not listed: ten scopes, names as the console gives them, three years of trainings, daily syncs
in the last of them. Of the versions a third have had another status, one in a hundred runs, one in a hundred has gone,
some failed and some are copies; each but the copies has six manifests, and three versions in a row share those they
were given. Two cores make a million versions in a minute (0.2 GB of Parquet), ten million in seven.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.lake import LocalLake, run_log, sha256
from pipeline.lake import run_record as record
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord
from pipeline.lake.snapshot import FOLDER, FORMAT, MANIFEST
from pipeline.load import scd2
from pipeline.load.sorted_file import SortedFile, in_schema
from pipeline.model import TABLES, Table, history_of
from pipeline.model.page import Scope
from pipeline.query import database as warehouse
from pipeline.settings import Prices

SCOPES = tuple(
    Scope(region, account)
    for region in ("ap-northeast-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2")
    for account in ("111122223333", "444455556666")
)
"""In the order of their ARNs."""
CHUNK = 100_000
"""Versions made at a time."""
FIRST_RUN = datetime(2025, 6, 1, 3, tzinfo=UTC)
BETWEEN_RUNS = timedelta(days=1)
BETWEEN_SCOPES = timedelta(seconds=40)
"""Of one run: their listings end one after the other."""


@dataclass(frozen=True)
class Plan:
    """How large the lake is."""

    versions: int
    projects: int
    runs: int

    @property
    def each(self) -> int:
        """Versions of a project, with those that have gone."""
        return -(-self.versions * 100 // (99 * self.projects))


# The place of project p: scopes take turns of whole blocks, so that p is in the order of ARNs.
PROJECTS = """
    select
        p,
        scopes.number as scope,
        scopes.account_id,
        scopes.region,
        printf('line-%06d-%s', p, ['welds', 'paint', 'labels', 'boards', 'bottles'][1 + p % 5]) as project_name,
        printf('arn:aws:rekognition:%s:%s:project/%s', scopes.region, scopes.account_id, project_name) as base,
        timestamptz '2022-01-01' + to_seconds(hash(p) % 30000000) as project_created_at,
        base || '/' || epoch_ms(project_created_at) as project_arn,
        printf('custom-labels-console-%s-%010x', scopes.region, hash(scopes.number) % 1000000000) as bucket
    from range($low_project, $high_project) as numbers(p)
    inner join scopes on scopes.number = p * $scopes // $projects
"""
VERSIONS = """
    select
        *,
        i // $each as p_of,
        i % $each as place,
        hash(i) as dice,
        $last_run - interval 3 years + to_seconds(place * (94608000 // $each) + hash(i, 1) % (94608000 // $each))
            as created_at,
        project_name || '.' || strftime(created_at at time zone 'UTC', '%Y-%m-%dT%H.%M.%S') as version_name,
        base || '/version/' || version_name || '/' || epoch_ms(created_at) as project_version_arn,
        dice // 100 % 100 < 2 as is_copy,
        case
            when is_copy then 'COPYING_COMPLETED'
            when dice % 100 = 0 then 'RUNNING'
            when dice % 100 < 4 then 'TRAINING_FAILED'
            when dice % 100 < 24 then 'STOPPED'
            else 'TRAINING_COMPLETED'
        end as status,
        -- the listing that saw it first, and the one that saw it otherwise
        least(greatest((epoch(created_at)::bigint - $first_run) // 86400 + 1, 0), $runs - 1) as first_run,
        first_run + 1 + hash(i, 2) % greatest($runs - 1 - first_run, 1) as next_run,
        dice // 10000 % 100 = 0 and next_run < $runs as is_gone,
        dice // 10000 % 3 = 0 and next_run < $runs and not is_gone as had_another,
        $instant(first_run, scope) as first_seen_at,
        $instant(next_run, scope) as next_seen_at,
        case when status = 'RUNNING' then 'TRAINING_COMPLETED' else 'TRAINING_IN_PROGRESS' end as other_status,
        'evaluation/' || project_name as output_key_prefix,
        project_name || '-' || version_name as result
    from range($low, $high) as numbers(i)
    inner join current_projects as projects on projects.p = i // $each
"""
DESCRIPTIONS = f"""
    select
        versions.* exclude (status),
        states.status,
        case states.status
            when 'TRAINING_FAILED' then 'ERROR_TOO_FEW_LABELS: The manifest file has too few usable labels.'
            when 'RUNNING' then 'The model is running.'
            when 'TRAINING_IN_PROGRESS' then 'The model is being trained.'
            else 'The model is ready to run.'
        end as status_message,
        case when versions.status in ('RUNNING', 'STOPPED') then 1 + dice % 3 end as min_inference_units,
        states.status <> 'TRAINING_IN_PROGRESS' as has_ended,
        has_ended and states.status <> 'TRAINING_FAILED' as is_trained,
        case when has_ended and not is_copy then 1800 + dice % 20000 end as billable_training_seconds,
        case when has_ended then created_at + to_seconds(1200 + dice % 25000) end as training_ended_at,
        bucket as output_bucket,
        case when not is_copy then false end as testing_input_auto_create,
        case when is_trained then (0.5 + (hash(i, 3) % 1000000) / 2e6)::float::double end as f1_score,
        case when is_trained then bucket end as evaluation_summary_bucket,
        case when is_trained then output_key_prefix || '/EvaluationResultSummary-' || result || '.json' end
            as evaluation_summary_key,
        case when has_ended then bucket end as manifest_summary_bucket,
        case when has_ended then output_key_prefix || '/ManifestSummary-' || result || '.json' end
            as manifest_summary_key,
        case when is_copy then replace(project_version_arn, '/line-', '/source-') end as source_project_version_arn,
        case when dice % 7 = 0 then 'Retrained with the images of the night shift' end as version_description,
        (not is_copy)::bigint as training_input_count,
        (has_ended and not is_copy)::bigint as training_output_count,
        (has_ended and not is_copy)::bigint as training_validation_count,
        (not is_copy)::bigint as testing_input_count,
        (has_ended and not is_copy)::bigint as testing_output_count,
        (has_ended and not is_copy)::bigint as testing_validation_count,
        states.valid_from,
        states.valid_to
    from ({VERSIONS}) as versions
    cross join lateral (
        select
            unnest(
                case
                    when had_another then [
                        row(other_status, first_seen_at, next_seen_at), row(status, next_seen_at, null)
                    ]
                    when is_gone then [row(status, first_seen_at, next_seen_at)]
                    else [row(status, first_seen_at, null)]
                end::struct(status varchar, valid_from timestamptz, valid_to timestamptz)[],
                recursive := true
            )
    ) as states
    where $wanted
    order by i, states.valid_from
"""
ASSETS = f"""
    select
        versions.*,
        places.data_result,
        places.stage,
        states.version,
        0 as asset_index,
        case
            when stage = 'input' then printf('datasets/%s/%s-%06d.manifest', project_name, data_result, place // 3)
            else output_key_prefix || '/' || upper(data_result[1]) || data_result[2:]
                || case when stage = 'output' then 'GroundTruth-' else 'ManifestWithValidation-' end
                || result || '.json'
        end as key,
        states.valid_from,
        states.valid_to
    from ({VERSIONS}) as versions
    cross join (
        values
            ('testing', 'input', 0), ('testing', 'output', 1), ('testing', 'validation', 2),
            ('training', 'input', 3), ('training', 'output', 4), ('training', 'validation', 5)
    ) as places(data_result, stage, number)
    cross join lateral (
        select
            unnest(
                case
                    -- what the service writes appears when training ends; a manifest is given anew now and then
                    when had_another and stage <> 'input' then [row(null, next_seen_at, null)]
                    when had_another and hash(i, 4) % 50 = 0 then [
                        row('abc', first_seen_at, next_seen_at), row(null, next_seen_at, null)
                    ]
                    when is_gone then [row(null, first_seen_at, next_seen_at)]
                    else [row(null, first_seen_at, null)]
                end::struct(version varchar, valid_from timestamptz, valid_to timestamptz)[],
                recursive := true
            )
    ) as states
    where not is_copy and $wanted
    order by i, number, states.valid_from
"""
DATASETS = """
    select
        projects.*,
        dataset_type,
        project_created_at as created_at,
        'CREATE_COMPLETE' as status,
        base || '/dataset/' || lower(dataset_type) || '/' || epoch_ms(project_created_at) as dataset_arn,
        hash(p) % 900 as labeled_entries,
        1000 as total_entries,
        12 as total_labels,
        0 as error_entries
    from current_projects as projects
    cross join (values ('TEST'), ('TRAIN')) as types(dataset_type)
    order by p, dataset_type
"""
TAGS = """
    select projects.*, project_arn as resource_arn, 'project' as resource_type, tag_key, 'team-' || p % 20 as tag_value
    from current_projects as projects
    cross join (values ('owner'), ('stage')) as keys(tag_key)
    order by p, tag_key
"""
POLICIES = """
    select
        projects.*,
        'copies' as policy_name,
        printf('%032x', p) as policy_revision_id,
        '{}' as policy_document,
        project_created_at as created_at
    from current_projects as projects
    where p % 10 = 0
    order by p
"""
OF_PROJECTS = {
    "projects": "select *, project_created_at as created_at, 'CREATED' as status from current_projects order by p",
    "datasets": DATASETS,
    "dataset_statistics": DATASETS,
    "resource_tags": TAGS,
    "project_policies": POLICIES,
}


def rows(plan: Plan, table: Table, *, history: bool) -> Iterator[pa.Table]:
    """Yield the rows of a table or of its history, in key order."""
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        con.execute("set threads = 1")
        con.execute("set enable_progress_bar = false")
        con.execute("create table scopes (number integer, account_id varchar, region varchar)")
        con.executemany(
            "insert into scopes values (?, ?, ?)", [(n, one.account_id, one.region) for n, one in enumerate(SCOPES)]
        )
        con.execute(
            "create macro listed_at(run, scope) as "
            f"timestamptz '{FIRST_RUN.isoformat()}' + to_seconds(run * {BETWEEN_RUNS.days * 86400}"
            f" + scope * {BETWEEN_SCOPES.seconds})"
        )
        step = max(CHUNK // plan.each, 1)
        for first in range(0, plan.projects, step):
            last = min(first + step, plan.projects)
            values = {
                "$low_project": first,
                "$high_project": last,
                "$low": first * plan.each,
                "$high": last * plan.each,
                "$each": plan.each,
                "$scopes": len(SCOPES),
                "$projects": plan.projects,
                "$first_run": int(FIRST_RUN.timestamp()),
                "$last_run": f"timestamptz '{listed_at(plan.runs - 1, 0).isoformat()}'",
                "$runs": plan.runs,
                "$instant": "listed_at",
                "$wanted": "true" if history else "valid_to is null",
            }
            con.execute(f"create or replace temp table current_projects as {_filled(PROJECTS, values)}")
            query = {"project_versions": DESCRIPTIONS, "version_assets": ASSETS}.get(table.name)
            if query is None:
                seen = "listed_at(0, scope) as valid_from, null::timestamptz as valid_to"
                query = f"select *, {seen} from ({OF_PROJECTS[table.name]})"
            made = con.sql(_filled(query, values)).to_arrow_table()
            if history:
                yield scd2.told(in_schema(made, history_of(table).schema), table)
            else:
                yield in_schema(made, table.schema)


def _filled(text: str, values: Mapping[str, object]) -> str:
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, str(values[name]))
    return text


def _write(job: tuple[Plan, str, bool, Path]) -> tuple[str, bool, dict[str, Any]]:
    plan, name, history, folder = job
    table = next(one for one in TABLES if one.name == name)
    path = folder / ("history" if history else "") / f"{name}.parquet"
    file = SortedFile(path, history_of(table) if history else table)
    for some in rows(plan, table, history=history):
        file.add(some)
    file.close()
    entry = {"file": str(path.relative_to(folder)), "rows": file.rows, "bytes": path.stat().st_size}
    return name, history, entry | {"sha256": sha256(path)}


def listed_at(run: int, scope: int) -> datetime:
    """Return when the listing of a scope (its place in SCOPES) ended."""
    return FIRST_RUN + run * BETWEEN_RUNS + scope * BETWEEN_SCOPES


def records(plan: Plan, snapshot: str) -> Iterator[RunRecord]:
    """Yield the records of the runs, oldest first; one scope more was never permitted."""
    for run in range(plan.runs):
        started = FIRST_RUN + run * BETWEEN_RUNS - BETWEEN_SCOPES
        one = RunRecord(f"{started:{record.ID_TIME}}-0000{run % 16:x}000"[:24], "sync", _text(started), {})
        one.arguments = {"regions": sorted({scope.region for scope in SCOPES})}
        one.software = record.software()
        for number, scope in enumerate(SCOPES):
            ended = listed_at(run, number)
            entry = ScopeRecord(scope.account_id, scope.region, started_at=_text(started), ended_at=_text(ended))
            entry.calls, entry.pages, entry.seconds = 1000, 1000, (ended - started).total_seconds()
            entry.projects, entry.versions = plan.projects // len(SCOPES), plan.versions // len(SCOPES)
            entry.outcome, entry.listed_at = Outcome.COMPLETE, _text(ended)
            one.scopes.append(entry)
        one.scopes.append(
            ScopeRecord(
                "777788889999", "us-west-2", started_at=_text(started), ended_at=_text(started), calls=1,
                error_kind="denied", error="The account does not permit it.",
            )
        )  # fmt: skip
        one.outcome = Outcome.PARTIAL
        one.ended_at = _text(listed_at(run, len(SCOPES)))
        one.snapshot = snapshot
        one.seconds = {"extract": 400.0, "flatten": 5.0, "load": 5.0, "total": 410.0}
        yield one


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def make(folder: Path, versions: int, *, projects: int | None = None, runs: int = 300) -> Path:
    """Make a published lake in a new folder and return its snapshot's; a thousand projects, if nothing is said."""
    plan = Plan(versions, projects or min(1000, max(versions // 100, len(SCOPES))), runs)
    snapshot = folder / FOLDER / f"{listed_at(runs - 1, len(SCOPES)):{record.ID_TIME}}-00000000"
    (snapshot / "history").mkdir(parents=True)
    large = ("version_assets", "project_versions")
    names = [*large, *(table.name for table in TABLES if table.name not in large)]
    jobs = [(plan, name, history, snapshot) for name in names for history in (True, False)]
    entries: dict[bool, dict[str, Any]] = {True: {}, False: {}}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        for name, history, entry in processes.map(_write, jobs):
            entries[history][name] = entry
    last = [*records(plan, snapshot.name)][-1]
    manifest = {
        "format": FORMAT,
        "id": snapshot.name,
        "parent": None,
        "created_at": last.ended_at,
        "software": record.software(),
        "tables": {table.name: entries[False][table.name] for table in TABLES},
        "history": {table.name: entries[True][table.name] for table in TABLES},
        "scopes": [
            {
                "account_id": scope.account_id,
                "region": scope.region,
                "run_id": last.run_id,
                "whole": True,
                "listed_at": _text(listed_at(runs - 1, number)),
                "parts": {},
            }
            for number, scope in enumerate(SCOPES)
        ],
        "run": last.document,
    }
    (snapshot / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    lake = LocalLake(folder)
    for one in records(plan, snapshot.name):
        one.write(lake)
    run_log.compact(lake)
    lake.point(snapshot.name, None)
    warehouse.build(folder / warehouse.FILE, snapshot=snapshot, runs=folder / "runs", prices=Prices())
    return snapshot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("versions", type=int)
    parser.add_argument("--projects", type=int)
    parser.add_argument("--runs", type=int, default=300)
    given = parser.parse_args()
    started = time.perf_counter()
    snapshot = make(given.folder, given.versions, projects=given.projects, runs=given.runs)
    size = sum(path.stat().st_size for path in given.folder.rglob("*.parquet"))
    print(f"{snapshot}: {size / 1e9:.2f} GB of Parquet in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

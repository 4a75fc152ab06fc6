-- What each run did, from its record.
-- grain: one row per run
-- columns:
--   run_id: Identifier of the run; its record and its landed pages carry it.
--   kind: sync (listed from AWS), replay (flattened again from landed pages) or rollback (an earlier snapshot
--     published again).
--   outcome: complete, partial (some scopes failed and kept their last rows) or failed (nothing published).
--   started_at: When the run began.
--   ended_at: When the run ended.
--   snapshot: Snapshot that the run published, found unchanged or went back to; null when it failed.
--   scope_count: Scopes (account and region) it tried; of a rollback, those that are shown since.
--   failed_scope_count: Scopes among them that could not be listed to the end.
--   error: Why the run failed; null otherwise.
--   extract_seconds: Time spent listing.
--   flatten_seconds: Time spent turning pages into tables.
--   load_seconds: Time spent merging and publishing.
--   total_seconds: Time from start to end.
--   arguments: What the run was asked to do, as JSON.
--   software: Versions of the software that ran, as JSON.
with records as (
    select from_json(record, '{
        "run_id": "VARCHAR",
        "kind": "VARCHAR",
        "outcome": "VARCHAR",
        "started_at": "VARCHAR",
        "ended_at": "VARCHAR",
        "snapshot": "VARCHAR",
        "error": "VARCHAR",
        "arguments": "JSON",
        "software": "JSON",
        "seconds": {"extract": "DOUBLE", "flatten": "DOUBLE", "load": "DOUBLE", "total": "DOUBLE"}
    }') as run
    from main.run_files
    where record is not null
),

scope_counts as (
    select
        run_id,
        count(*) as scope_count,
        count(*) filter (where outcome is distinct from 'complete') as failed_scope_count
    from main.run_scopes
    group by run_id
)

select
    records.run.run_id as run_id,
    records.run.kind as kind,
    records.run.outcome as outcome,
    records.run.started_at::timestamptz as started_at,
    records.run.ended_at::timestamptz as ended_at,
    records.run.snapshot as snapshot,
    coalesce(scope_counts.scope_count, 0) as scope_count,
    coalesce(scope_counts.failed_scope_count, 0) as failed_scope_count,
    records.run.error as error,
    records.run.seconds.extract as extract_seconds,
    records.run.seconds.flatten as flatten_seconds,
    records.run.seconds.load as load_seconds,
    records.run.seconds.total as total_seconds,
    records.run.arguments as arguments,
    records.run.software as software
from records
left join scope_counts on scope_counts.run_id = records.run.run_id

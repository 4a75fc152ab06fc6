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
with scope_counts as (
    select
        run_id,
        count(account_id) as scope_count,
        count(account_id) filter (where outcome is distinct from 'complete') as failed_scope_count
    from main.run_rows
    group by run_id
)

select
    run_rows.run_id,
    run_rows.run_kind as kind,
    run_rows.run_outcome as outcome,
    run_rows.run_started_at as started_at,
    run_rows.run_ended_at as ended_at,
    run_rows.snapshot,
    coalesce(scope_counts.scope_count, 0) as scope_count,
    coalesce(scope_counts.failed_scope_count, 0) as failed_scope_count,
    run_rows.run_error as error,
    run_rows.extract_seconds,
    run_rows.flatten_seconds,
    run_rows.load_seconds,
    run_rows.total_seconds,
    run_rows.arguments::json as arguments,
    run_rows.software::json as software
from main.run_rows as run_rows
left join scope_counts on scope_counts.run_id = run_rows.run_id
where run_rows.scope_number = 0

-- All run records, typed: those of days that have ended from the Parquet file of their day, others from JSON.
-- grain: one row per run and scope (account and region); for a run without scopes, one row with nulls
-- columns:
--   run_id: Identifier of the run.
--   run_kind: sync, replay or rollback.
--   run_outcome: complete, partial or failed.
--   run_started_at: When the run began.
--   run_ended_at: When the run ended.
--   run_error: Why the run failed; null otherwise.
--   snapshot: Snapshot that the run published, found unchanged or went back to; null when it failed.
--   arguments: What the run was asked to do, as JSON text.
--   software: Versions of the software that ran, as JSON text.
--   extract_seconds: Time spent listing.
--   flatten_seconds: Time spent turning pages into tables.
--   load_seconds: Time spent merging and publishing.
--   total_seconds: Time from start to end.
--   scope_number: Place of the scope in the run's record, from 0; each run has a row with 0.
--   account_id: AWS account that was listed; null for a run without scopes.
--   region: AWS region that was listed.
--   outcome: complete or failed, of the scope.
--   error_kind: One word on why the scope failed.
--   error: Why the scope failed, in a sentence.
--   started_at: When the listing began.
--   ended_at: When the run was done with the scope.
--   listed_at: When the listing that the scope's rows come from ended.
--   resumed_from: Run that died and whose landed pages this one took.
--   seconds: How long the listing took.
--   calls: API calls made, with those repeated.
--   retries: Calls that were repeated.
--   throttles: Calls that the service answered with a throttle.
--   pages: Pages landed.
--   projects: Projects listed.
--   versions: Model versions listed.
--   unknown_members: Members of the answers that no column declares.
--   details: How each detail ended (detail, outcome, error_kind, error, unknown_members); null or empty without any.
with records as (
    select from_json(record, '{
        "run_id": "VARCHAR",
        "kind": "VARCHAR",
        "outcome": "VARCHAR",
        "started_at": "VARCHAR",
        "ended_at": "VARCHAR",
        "error": "VARCHAR",
        "snapshot": "VARCHAR",
        "arguments": "JSON",
        "software": "JSON",
        "seconds": {"extract": "DOUBLE", "flatten": "DOUBLE", "load": "DOUBLE", "total": "DOUBLE"},
        "scopes": [{
            "account_id": "VARCHAR",
            "region": "VARCHAR",
            "outcome": "VARCHAR",
            "error_kind": "VARCHAR",
            "error": "VARCHAR",
            "started_at": "VARCHAR",
            "ended_at": "VARCHAR",
            "listed_at": "VARCHAR",
            "resumed_from": "VARCHAR",
            "seconds": "DOUBLE",
            "calls": "BIGINT",
            "retries": "BIGINT",
            "throttles": "BIGINT",
            "pages": "BIGINT",
            "projects": "BIGINT",
            "versions": "BIGINT",
            "unknown_members": "BIGINT",
            "details": [{
                "detail": "VARCHAR",
                "outcome": "VARCHAR",
                "error_kind": "VARCHAR",
                "error": "VARCHAR",
                "unknown_members": "BIGINT"
            }]
        }]
    }') as run
    from main.run_files
    where record is not null
),

only_json as (
    select
        records.run as run,
        case when len(records.run.scopes) > 0 then records.run.scopes else [null] end as scopes
    from records
    where not exists (
        -- of the days whose JSON files are not read at all, no Parquet file is opened
        select 1
        from read_parquet($runs || '/*.parquet', hive_partitioning = false, filename = true) as days
        where
            parse_filename(days.filename) > $last_day || '.parquet'
            and days.scope_number = 0
            and days.run_id = records.run.run_id
    )
),

listed as (
    select
        run,
        unnest(scopes) as scope,
        generate_subscripts(scopes, 1) - 1 as scope_number
    from only_json
)

select
    run_id,
    run_kind,
    run_outcome,
    run_started_at,
    run_ended_at,
    run_error,
    snapshot,
    arguments,
    software,
    extract_seconds,
    flatten_seconds,
    load_seconds,
    total_seconds,
    scope_number,
    account_id,
    region,
    outcome,
    error_kind,
    error,
    started_at,
    ended_at,
    listed_at,
    resumed_from,
    seconds,
    calls,
    retries,
    throttles,
    pages,
    projects,
    versions,
    unknown_members,
    details
from read_parquet($runs || '/*.parquet', hive_partitioning = false)
union all
select
    run.run_id,
    run.kind,
    run.outcome,
    try_cast(run.started_at as timestamptz),
    try_cast(run.ended_at as timestamptz),
    run.error,
    run.snapshot,
    run.arguments::varchar,
    run.software::varchar,
    run.seconds.extract,
    run.seconds.flatten,
    run.seconds.load,
    run.seconds.total,
    scope_number,
    scope.account_id,
    scope.region,
    scope.outcome,
    scope.error_kind,
    scope.error,
    try_cast(scope.started_at as timestamptz),
    try_cast(scope.ended_at as timestamptz),
    try_cast(scope.listed_at as timestamptz),
    scope.resumed_from,
    scope.seconds,
    scope.calls,
    scope.retries,
    scope.throttles,
    scope.pages,
    scope.projects,
    scope.versions,
    scope.unknown_members,
    scope.details
from listed

-- What each run saw in each account and region it tried.
-- grain: one row per run and scope (account and region)
-- columns:
--   run_id: Identifier of the run.
--   run_kind: sync (listed from AWS), replay (flattened again from landed pages) or rollback (an earlier snapshot
--     published again; it asks AWS nothing, and its scopes are those that are shown since).
--   run_outcome: complete, partial or failed; a failed run published nothing, whatever its scopes say.
--   run_started_at: When the run started.
--   account_id: AWS account that was listed.
--   region: AWS region that was listed.
--   outcome: complete (listed to the end; after a rollback, shown again) or failed.
--   error_kind: One word on why it failed, such as denied or throttled; null otherwise.
--   error: Why it failed, in a sentence; null otherwise.
--   started_at: When the listing began.
--   ended_at: When the run was done with the scope.
--   listed_at: When the listing that the scope's rows come from ended, whichever run listed it; null when it failed,
--     and in records written before histories.
--   resumed_from: Run that died and whose landed pages this one took; null when there was none.
--   seconds: How long the listing took.
--   calls: API calls made, with those repeated.
--   retries: Calls that were repeated.
--   throttles: Calls that the service answered with a throttle.
--   pages: Pages landed.
--   projects: Projects listed.
--   versions: Model versions listed.
--   unknown_members: Members of the answers that no column declares; they are kept in `extra`.
with records as (
    select from_json(record, '{
        "run_id": "VARCHAR",
        "kind": "VARCHAR",
        "outcome": "VARCHAR",
        "started_at": "VARCHAR",
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
            "unknown_members": "BIGINT"
        }]
    }') as run
    from main.run_files
    where record is not null
),

listed as (
    select
        run.run_id as run_id,
        run.kind as run_kind,
        run.outcome as run_outcome,
        run.started_at as run_started_at,
        unnest(run.scopes) as scope
    from records
)

select
    run_id,
    run_kind,
    run_outcome,
    run_started_at::timestamptz as run_started_at,
    scope.account_id as account_id,
    scope.region as region,
    scope.outcome as outcome,
    scope.error_kind as error_kind,
    scope.error as error,
    coalesce(scope.started_at, run_started_at)::timestamptz as started_at,
    scope.ended_at::timestamptz as ended_at,
    scope.listed_at::timestamptz as listed_at,
    scope.resumed_from as resumed_from,
    scope.seconds as seconds,
    scope.calls as calls,
    scope.retries as retries,
    scope.throttles as throttles,
    scope.pages as pages,
    scope.projects as projects,
    scope.versions as versions,
    scope.unknown_members as unknown_members
from listed

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
--   listed_at: When the listing that the scope's rows come from ended, whichever run listed it; null when it failed.
--   resumed_from: Run that died and whose landed pages this one took; null when there was none.
--   seconds: How long the listing took.
--   calls: API calls made, with those repeated.
--   retries: Calls that were repeated.
--   throttles: Calls that the service answered with a throttle.
--   pages: Pages landed.
--   projects: Projects listed.
--   versions: Model versions listed.
--   unknown_members: Members of the answers that no column declares; they are kept in `extra`.
select
    run_id,
    run_kind,
    run_outcome,
    run_started_at,
    account_id,
    region,
    outcome,
    error_kind,
    error,
    coalesce(started_at, run_started_at) as started_at,
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
    unknown_members
from main.run_rows
where account_id is not null

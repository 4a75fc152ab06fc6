-- How fresh the rows of each account and region are. A replay asks AWS nothing, but may bring older rows back.
-- grain: one row per scope (account and region) that was ever tried
-- columns:
--   account_id: AWS account of the scope.
--   region: AWS region of the scope.
--   outcome: complete when the last sync listed the scope to its end and its rows are the ones shown; else failed.
--   error: Why the last sync has nothing newer for the scope; null when complete.
--   last_attempt_at: When the last sync that tried the scope was done with it.
--   last_complete_at: When the listing that the lake's rows come from ended; null when there never was one.
--   stale_since: Null when complete; else since when the rows are no longer known to be true (the last
--     complete listing or, when there never was one, the first attempt).
with attempts as (
    select
        run_scopes.account_id,
        run_scopes.region,
        run_scopes.run_id,
        run_scopes.run_kind = 'sync' as is_sync,
        coalesce(run_scopes.ended_at, run_scopes.started_at) as attempted_at,
        -- a replay shows what an earlier run had listed
        case
            when run_scopes.run_kind = 'sync' then coalesce(run_scopes.ended_at, run_scopes.started_at)
            else coalesce(replayed.ended_at, replayed.started_at)
        end as listed_at,
        -- a scope may be listed to its end in a run that then fails to publish
        run_scopes.outcome is not distinct from 'complete'
            and run_scopes.run_outcome in ('complete', 'partial') as is_published,
        case
            when run_scopes.outcome is distinct from 'complete' then coalesce(run_scopes.error, 'no reason was recorded')
            when run_scopes.run_outcome not in ('complete', 'partial') then 'listed, but the run did not publish it'
        end as error
    from main.run_scopes as run_scopes
    left join main.runs as runs on runs.run_id = run_scopes.run_id
    left join main.run_scopes as replayed
        on runs.kind = 'replay'
        and replayed.run_id = (runs.arguments ->> 'run')
        and replayed.account_id = run_scopes.account_id
        and replayed.region = run_scopes.region
),

states as (
    select
        account_id,
        region,
        arg_max({'is_published': is_published, 'error': error}, row(attempted_at, run_id))
            filter (where is_sync) as last_attempt,
        min(attempted_at) filter (where is_sync) as first_attempt_at,
        max(attempted_at) filter (where is_sync) as last_attempt_at,
        arg_max(listed_at, row(attempted_at, run_id)) filter (where is_published) as shown_listed_at,
        max(listed_at) filter (where is_published) as newest_listed_at
    from attempts
    group by account_id, region
    having count(*) filter (where is_sync) > 0
),

judged as (
    select
        *,
        last_attempt.is_published and shown_listed_at is not distinct from newest_listed_at as is_complete
    from states
)

select
    account_id,
    region,
    case when is_complete then 'complete' else 'failed' end as outcome,
    case
        when not is_complete then coalesce(last_attempt.error, 'an older listing was replayed over the newest: sync again')
    end as error,
    last_attempt_at,
    shown_listed_at as last_complete_at,
    case when not is_complete then coalesce(shown_listed_at, first_attempt_at) end as stale_since
from judged

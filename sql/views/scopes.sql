-- How fresh the rows of each account and region are. Only syncs count: a replay asks AWS nothing.
-- grain: one row per scope (account and region) that was ever tried
-- columns:
--   account_id: AWS account of the scope.
--   region: AWS region of the scope.
--   outcome: complete when the last sync listed the scope to its end and published it; else failed.
--   error: Why the last sync has nothing newer for the scope; null when complete.
--   last_attempt_at: When the last sync that tried the scope was done with it.
--   last_complete_at: When the listing that the lake's rows come from ended; null when there never was one.
--   stale_since: Null when complete; else since when the rows are no longer known to be true (the last
--     complete listing or, when there never was one, the first attempt).
with attempts as (
    select
        account_id,
        region,
        run_id,
        coalesce(ended_at, started_at) as attempted_at,
        -- a scope may be listed to its end in a run that then fails to publish
        outcome is not distinct from 'complete' and run_outcome in ('complete', 'partial') as is_published,
        case
            when outcome is distinct from 'complete' then coalesce(error, 'no reason was recorded')
            when run_outcome not in ('complete', 'partial') then 'listed, but the run did not publish it'
        end as error
    from main.run_scopes
    where run_kind = 'sync'
),

states as (
    select
        account_id,
        region,
        arg_max({'is_published': is_published, 'error': error}, row(attempted_at, run_id)) as last_attempt,
        min(attempted_at) as first_attempt_at,
        max(attempted_at) as last_attempt_at,
        max(attempted_at) filter (where is_published) as last_complete_at
    from attempts
    group by account_id, region
)

select
    account_id,
    region,
    case when last_attempt.is_published then 'complete' else 'failed' end as outcome,
    last_attempt.error as error,
    last_attempt_at,
    last_complete_at,
    case when not last_attempt.is_published then coalesce(last_complete_at, first_attempt_at) end as stale_since
from states

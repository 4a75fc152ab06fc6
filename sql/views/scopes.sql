-- How fresh the rows of each account and region are. A replay or a rollback asks AWS nothing, but may bring older rows
-- back.
-- grain: one row per scope (account and region) that was ever tried
-- columns:
--   account_id: AWS account of the scope.
--   region: AWS region of the scope.
--   outcome: complete when the last sync listed the scope to its end and its rows are the ones shown; else failed.
--   error: Why the lake shows nothing newer for the scope; null when complete.
--   last_attempt_at: When the last sync that tried the scope was done with it.
--   last_complete_at: When the listing that the lake's rows come from ended; null when the lake shows none.
--   stale_since: Null when complete; else since when the rows are no longer known to be true (the end of the listing
--     they come from or, when there is none, the first attempt).
with attempts as (
    select
        account_id,
        region,
        run_id,
        run_kind as kind,
        coalesce(ended_at, started_at) as attempted_at,
        listed_at,
        -- a scope may be listed to its end in a run that then fails to publish
        outcome is not distinct from 'complete'
            and coalesce(run_outcome in ('complete', 'partial'), false) as is_published,
        case
            when outcome is distinct from 'complete' then coalesce(error, 'no reason was recorded')
            when not coalesce(run_outcome in ('complete', 'partial'), false)
                then 'listed, but the run did not publish it'
        end as error
    from main.run_scopes
    where run_kind is distinct from 'rollback'
),

states as (
    -- ids of runs sort by time; a struct keeps what is null
    select
        account_id,
        region,
        arg_max({'is_published': is_published, 'error': error}, run_id) filter (where kind = 'sync') as last_attempt,
        min(attempted_at) filter (where kind = 'sync') as first_attempt_at,
        max(attempted_at) filter (where kind = 'sync') as last_attempt_at,
        max(run_id) filter (where is_published) as published_run_id,
        arg_max(listed_at, run_id) filter (where is_published) as published_listed_at,
        max(listed_at) filter (where is_published) as newest_listed_at
    from attempts
    group by account_id, region
    having count(*) filter (where kind = 'sync') > 0
),

last_rollback as (
    select max(run_id) as run_id
    from main.run_rows
    where
        run_kind = 'rollback'
        and run_outcome = 'complete'
),

shown as (
    -- a rollback shows every scope anew: as it stood in that snapshot or, where it did not, not at all
    select
        states.*,
        coalesce(last_rollback.run_id > coalesce(states.published_run_id, ''), false) as is_rolled_back,
        case
            when last_rollback.run_id > coalesce(states.published_run_id, '') then rolled_back.listed_at
            else states.published_listed_at
        end as listed_at
    from states
    cross join last_rollback
    left join main.run_scopes as rolled_back
        on rolled_back.run_kind = 'rollback'
        and rolled_back.run_id = last_rollback.run_id
        and rolled_back.account_id = states.account_id
        and rolled_back.region = states.region
),

judged as (
    select
        *,
        last_attempt.is_published and listed_at is not distinct from newest_listed_at as is_complete
    from shown
)

select
    account_id,
    region,
    case when is_complete then 'complete' else 'failed' end as outcome,
    case
        when is_complete then null
        when last_attempt.error is not null then last_attempt.error
        when is_rolled_back and listed_at is null
            then 'the lake was rolled back to a snapshot without this scope: sync again'
        when is_rolled_back then 'the lake was rolled back to an older listing: sync again'
        else 'an older listing was replayed over the newest: sync again'
    end as error,
    last_attempt_at,
    listed_at as last_complete_at,
    case when not is_complete then coalesce(listed_at, first_attempt_at) end as stale_since
from judged

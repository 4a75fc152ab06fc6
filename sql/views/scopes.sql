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
),

states as (
    -- ids of runs sort by time; a struct keeps what is null
    select
        account_id,
        region,
        arg_max({'is_published': is_published, 'error': error}, run_id) filter (where kind = 'sync') as last_attempt,
        min(attempted_at) filter (where kind = 'sync') as first_attempt_at,
        max(attempted_at) filter (where kind = 'sync') as last_attempt_at,
        arg_max({'run_id': run_id, 'kind': kind, 'listed_at': listed_at}, run_id)
            filter (where is_published and listed_at is not null) as last_published,
        max(listed_at) filter (where is_published) as newest_listed_at
    from attempts
    group by account_id, region
    having count(*) filter (where kind = 'sync') > 0
),

shown as (
    -- after a rollback to a snapshot without the scope, the lake shows nothing of it
    select
        states.*,
        coalesce(last_rollback.run_id > coalesce(states.last_published.run_id, ''), false) as is_gone,
        case when not is_gone then states.last_published.listed_at end as listed_at
    from states
    cross join (
        select max(run_id) as run_id
        from main.run_rows
        where
            run_kind = 'rollback'
            and run_outcome = 'complete'
    ) as last_rollback
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
        when is_gone then 'the lake was rolled back to a snapshot without this scope: sync again'
        when last_published.kind = 'rollback' then 'the lake was rolled back to an older listing: sync again'
        else 'an older listing was replayed over the newest: sync again'
    end as error,
    last_attempt_at,
    listed_at as last_complete_at,
    case when not is_complete then coalesce(listed_at, first_attempt_at) end as stale_since
from judged

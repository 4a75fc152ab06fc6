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
        run_scopes.account_id,
        run_scopes.region,
        run_scopes.run_id,
        run_scopes.run_kind as kind,
        coalesce(run_scopes.ended_at, run_scopes.started_at) as attempted_at,
        -- records written before histories do not say it: the listing was the sync's own, or that of the run replayed
        coalesce(
            run_scopes.listed_at,
            case
                when run_scopes.run_kind = 'sync' then coalesce(run_scopes.ended_at, run_scopes.started_at)
                else coalesce(replayed.listed_at, replayed.ended_at, replayed.started_at)
            end
        ) as listed_at,
        -- a scope may be listed to its end in a run that then fails to publish
        run_scopes.outcome is not distinct from 'complete'
            and coalesce(run_scopes.run_outcome in ('complete', 'partial'), false) as is_published,
        case
            when run_scopes.outcome is distinct from 'complete' then coalesce(run_scopes.error, 'no reason was recorded')
            when not coalesce(run_scopes.run_outcome in ('complete', 'partial'), false)
                then 'listed, but the run did not publish it'
        end as error
    from main.run_scopes as run_scopes
    -- the run is read out of the arguments once a run: DuckDB 1.5 would do so for every pair of scopes
    left join (
        select
            record ->> 'run_id' as run_id,
            (record -> 'arguments') ->> 'run' as replayed_run_id
        from main.run_files
        where (record ->> 'kind') = 'replay'
    ) as replays on replays.run_id = run_scopes.run_id
    left join main.run_scopes as replayed
        on replayed.run_id = replays.replayed_run_id
        and replayed.account_id = run_scopes.account_id
        and replayed.region = run_scopes.region
    where run_scopes.run_kind is distinct from 'rollback'
),

rollbacks as (
    -- each shows every scope anew: as it stood in that snapshot or, where it did not, not at all
    select
        tried.account_id,
        tried.region,
        runs.run_id,
        runs.kind,
        coalesce(runs.ended_at, runs.started_at) as attempted_at,
        shown.listed_at,
        true as is_published,
        null as error
    from (select distinct account_id, region from attempts) as tried
    cross join (
        -- not main.runs, which counts scopes too
        select
            record ->> 'run_id' as run_id,
            record ->> 'kind' as kind,
            (record ->> 'started_at')::timestamptz as started_at,
            (record ->> 'ended_at')::timestamptz as ended_at
        from main.run_files
        where
            (record ->> 'kind') = 'rollback'
            and (record ->> 'outcome') = 'complete'
    ) as runs
    left join main.run_scopes as shown
        on shown.run_id = runs.run_id
        and shown.account_id = tried.account_id
        and shown.region = tried.region
),

events as (
    select * from attempts
    union all by name
    select * from rollbacks
),

states as (
    select
        account_id,
        region,
        arg_max({'is_published': is_published, 'error': error}, row(attempted_at, run_id))
            filter (where kind = 'sync') as last_attempt,
        min(attempted_at) filter (where kind = 'sync') as first_attempt_at,
        max(attempted_at) filter (where kind = 'sync') as last_attempt_at,
        -- a replay of a run whose record is gone does not say whose listing it shows; a struct keeps null instants
        arg_max({'kind': kind, 'listed_at': listed_at}, row(attempted_at, run_id))
            filter (where is_published and (listed_at is not null or kind = 'rollback')) as shown,
        max(listed_at) filter (where is_published) as newest_listed_at
    from events
    group by account_id, region
    having count(*) filter (where kind = 'sync') > 0
),

judged as (
    select
        *,
        last_attempt.is_published and shown.listed_at is not distinct from newest_listed_at as is_complete
    from states
)

select
    account_id,
    region,
    case when is_complete then 'complete' else 'failed' end as outcome,
    case
        when is_complete then null
        when last_attempt.error is not null then last_attempt.error
        when shown.kind = 'rollback' and shown.listed_at is null
            then 'the lake was rolled back to a snapshot without this scope: sync again'
        when shown.kind = 'rollback' then 'the lake was rolled back to an older listing: sync again'
        else 'an older listing was replayed over the newest: sync again'
    end as error,
    last_attempt_at,
    shown.listed_at as last_complete_at,
    case when not is_complete then coalesce(shown.listed_at, first_attempt_at) end as stale_since
from judged

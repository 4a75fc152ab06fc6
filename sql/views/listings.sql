-- The listings that the lake's rows came from: those that came to their end, be it with a page that could not be read
-- whole, in runs that published them. Histories change at these instants only. Records written before histories do not say when a listing ended and are left out.
-- grain: one row per scope (account and region) and instant at which such a listing ended
-- columns:
--   account_id: AWS account that was listed.
--   region: AWS region that was listed.
--   listed_at: When the listing ended.
--   run_id: The first run that published it.
--   was_undone: Whether the lake was later taken back to an older listing of the scope, by a rollback or a replay; what
--     this one saw may then stand in no history.
with published as (
    select
        run_scopes.account_id,
        run_scopes.region,
        run_scopes.listed_at,
        run_scopes.run_id,
        run_scopes.run_started_at,
        min(run_scopes.listed_at) over later as oldest_later_listed_at
    from main.run_scopes as run_scopes
    where
        run_scopes.listed_at is not null
        and run_scopes.run_outcome in ('complete', 'partial')
    window later as (
        partition by run_scopes.account_id, run_scopes.region
        order by run_scopes.run_started_at, run_scopes.run_id
        rows between 1 following and unbounded following
    )
)

select
    account_id,
    region,
    listed_at,
    arg_min(run_id, row(run_started_at, run_id)) as run_id,
    bool_or(coalesce(oldest_later_listed_at < listed_at, false)) as was_undone
from published
group by account_id, region, listed_at

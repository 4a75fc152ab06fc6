-- The listings that the lake's rows came from: those that came to their end, be it with a page that could not be read
-- whole, in runs that published them. Histories change at these instants only.
-- grain: one row per scope (account and region) and instant at which such a listing ended
-- columns:
--   account_id: AWS account that was listed.
--   region: AWS region that was listed.
--   listed_at: When the listing ended.
--   run_id: The first run that published it.
--   was_undone: Whether the lake was later taken back to an older listing of the scope, by a rollback or a replay; what
--     this one saw may then stand in no history.
with shown_again as (
    -- few, for a sync only goes forward: what may take the lake back to an older listing
    select
        account_id,
        region,
        listed_at,
        max(run_id) as run_id
    from main.run_scopes
    where
        run_kind in ('replay', 'rollback')
        and run_outcome in ('complete', 'partial')
        and listed_at is not null
    group by account_id, region, listed_at
)

select
    shown.account_id,
    shown.region,
    shown.listed_at,
    min(shown.run_id) as run_id,
    bool_or(shown_again.run_id is not null) as was_undone
from main.run_scopes as shown
left join shown_again
    on shown_again.account_id = shown.account_id
    and shown_again.region = shown.region
    and shown_again.listed_at < shown.listed_at
    and shown_again.run_id > shown.run_id
where
    shown.run_outcome in ('complete', 'partial')
    and shown.listed_at is not null
group by shown.account_id, shown.region, shown.listed_at

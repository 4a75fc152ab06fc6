-- Every state of a history began and ended when its scope was listed. What is older than the oldest record of a sync
-- that says when it listed is left out.
-- severity: error
-- when: on demand
with horizons as (
    select
        account_id,
        region,
        min(listed_at) as known_from,
    from main.run_scopes
    where
        run_kind = 'sync'
        and outcome = 'complete'
        and run_outcome in ('complete', 'partial')
    group by account_id, region
),

instants as (
    select distinct account_id, region, valid_from as instant from main.intervals
    union
    select distinct account_id, region, valid_to as instant from main.intervals
    where valid_to is not null
),

unlisted as (
    select
        instants.account_id,
        instants.region,
        instants.instant,
    from instants
    inner join horizons
        on horizons.account_id = instants.account_id
        and horizons.region = instants.region
        and horizons.known_from <= instants.instant
    anti join main.listings as listings
        on listings.account_id = instants.account_id
        and listings.region = instants.region
        and listings.listed_at = instants.instant
)

select
    intervals.table_name,
    intervals.arn,
    intervals.item,
    intervals.valid_from,
    intervals.valid_to,
    unlisted.instant as not_listed_at,
from main.intervals as intervals
inner join unlisted
    on unlisted.account_id = intervals.account_id
    and unlisted.region = intervals.region
    and unlisted.instant in (intervals.valid_from, intervals.valid_to)

-- No state of a row began before an earlier one ended; history_open finds two that both last.
-- severity: error
-- when: on demand
with lives as (
    -- most rows have had one state, and need no look; the hash of the key is narrow
    select
        intervals.key_hash,
        intervals.valid_from,
        intervals.valid_to,
        max(coalesce(intervals.valid_to, 'infinity'::timestamptz)) over (
            partition by intervals.key_hash
            order by intervals.valid_from
            rows between unbounded preceding and 1 preceding
        ) as taken_until
    from main.intervals as intervals
    semi join (from main.intervals where valid_to is not null) as ended on ended.key_hash = intervals.key_hash
),

found as (
    select * from lives
    where valid_from < taken_until
)

select
    intervals.table_name,
    intervals.arn,
    coalesce(intervals.name, intervals.data_result || '/' || intervals.stage || '/' || intervals.asset_index) as item,
    intervals.valid_from,
    intervals.valid_to,
    nullif(found.taken_until, 'infinity'::timestamptz) as taken_until
from main.intervals as intervals
inner join found
    on found.key_hash = intervals.key_hash
    and found.valid_from = intervals.valid_from
    and found.valid_to is not distinct from intervals.valid_to

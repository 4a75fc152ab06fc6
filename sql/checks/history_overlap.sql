-- No state of a row began before an earlier one ended.
-- severity: error
-- when: on demand
with lives as (
    select
        intervals.*,
        max(coalesce(intervals.valid_to, 'infinity'::timestamptz)) over (
            partition by intervals.table_name, intervals.arn, intervals.item
            order by intervals.valid_from
            rows between unbounded preceding and 1 preceding
        ) as taken_until,
    from main.intervals as intervals
    -- most rows have had one state, and need no look
    semi join (from main.intervals where valid_to is not null) as ended
        on ended.table_name = intervals.table_name
        and ended.arn = intervals.arn
)

select
    table_name,
    arn,
    item,
    valid_from,
    valid_to,
    nullif(taken_until, 'infinity'::timestamptz) as taken_until,
from lives
where valid_from < taken_until

-- How each state is told to have begun and ended is what the states beside it say: whether it touches one, or comes
-- after one.
-- severity: error
-- when: on demand
with ended as (
    -- most states last, and a hash is narrow
    select
        key_hash,
        valid_to
    from main.intervals
    where valid_to is not null
),

first_ends as (
    select
        key_hash,
        min(valid_to) as ended_at
    from ended
    group by key_hash
),

gone_on as (
    select
        intervals.key_hash,
        intervals.valid_from
    from main.intervals as intervals
    semi join ended
        on ended.key_hash = intervals.key_hash
        and ended.valid_to = intervals.valid_from
)

select
    intervals.table_name,
    intervals.arn,
    coalesce(intervals.name, intervals.data_result || '/' || intervals.stage || '/' || intervals.asset_index) as item,
    intervals.valid_from,
    intervals.valid_to,
    intervals.begins_as,
    intervals.ends_as
from main.intervals as intervals
left join first_ends on first_ends.key_hash = intervals.key_hash
left join gone_on as before
    on before.key_hash = intervals.key_hash
    and before.valid_from = intervals.valid_from
left join gone_on as after
    on after.key_hash = intervals.key_hash
    and after.valid_from = intervals.valid_to
where
    intervals.begins_as is distinct from case
        when before.key_hash is not null then 'changed'
        when first_ends.ended_at < intervals.valid_from then 'returned'
        else 'appeared'
    end
    or intervals.ends_as is distinct from case
        when after.key_hash is not null then 'changed'
        when intervals.valid_to is not null then 'went'
    end
    or (intervals.differences is null) = (intervals.begins_as = 'changed')

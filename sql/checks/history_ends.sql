-- How each state is told to have begun and ended is what the states beside it say: it went on from one, or one went on
-- from it.
-- severity: error
-- when: on demand
with going_on as (
    -- states that one goes on from are few, and their hashes are narrow
    select
        key_hash,
        valid_to
    from main.intervals
    where valid_to is not null
),

gone_on as (
    select
        intervals.key_hash,
        intervals.valid_from
    from main.intervals as intervals
    semi join going_on
        on going_on.key_hash = intervals.key_hash
        and going_on.valid_to = intervals.valid_from
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
left join gone_on as before
    on before.key_hash = intervals.key_hash
    and before.valid_from = intervals.valid_from
left join gone_on as after
    on after.key_hash = intervals.key_hash
    and after.valid_from = intervals.valid_to
where
    intervals.begins_as is distinct from case when before.key_hash is null then 'appeared' else 'changed' end
    or intervals.ends_as is distinct from case
        when after.key_hash is not null then 'changed'
        when intervals.valid_to is not null then 'went'
    end
    or (intervals.differences is null) = (intervals.begins_as = 'changed')

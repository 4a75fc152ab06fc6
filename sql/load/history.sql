-- The states of some rows from now on: a slowly changing dimension (type 2) takes in what was listed.
-- Reads three relations, of one range of keys: known (the history so far), present (the rows as they are now) and
-- listed (account_id, region, listed_at: the scopes that were listed, and when). States of other scopes stay.
-- $key names the key columns, $columns all columns of the table; $is_key compares the key and $is_same the state of
-- one row in known and present. A state that began at the very instant of the listing is replaced, not ended: that
-- instant is being told anew.
with lasting as (
    select *
    from known
    where valid_to is null
),

ended_before as (
    select *
    from known
    where valid_to is not null
),

not_listed as (
    select lasting.*
    from lasting
    anti join listed using (account_id, region)
),

ended_now as (
    select lasting.* replace (listed.listed_at as valid_to)
    from lasting
    inner join listed using (account_id, region)
    left join present on $is_key
    where
        lasting.valid_from < listed.listed_at
        and (present.account_id is null or not ($is_same))
),

now_so as (
    select
        $columns,
        case when $is_same then lasting.valid_from else listed.listed_at end as valid_from,
        null::timestamptz as valid_to,
    from present
    inner join listed using (account_id, region)
    left join lasting on $is_key
),

states as (
    select * from ended_before
    union all
    select * from not_listed
    union all
    select * from ended_now
    union all
    select * from now_so
)

select *
from states
order by $key, valid_from

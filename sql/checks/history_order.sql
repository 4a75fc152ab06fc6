-- Every state of a history began, and ended later than it began.
-- severity: error
-- when: on demand
select
    table_name,
    arn,
    item,
    valid_from,
    valid_to,
from main.intervals
where
    valid_from is null
    or valid_to <= valid_from

-- Every account and region was listed to its end by the last sync that tried it.
-- severity: warn
select
    account_id,
    region,
    stale_since,
    last_attempt_at,
    error,
from main.scopes
where stale_since is not null

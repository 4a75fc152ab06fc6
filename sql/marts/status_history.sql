-- How model versions went from status to status, as syncs saw it. Every instant is that of a listing: a status was
-- entered after the listing before entered_at and by entered_at, and left after the listing before left_at and by
-- left_at. A status that came and went between two listings was not seen.
-- grain: one row per model version and unbroken stay in one status
-- columns:
--   account_id: AWS account that owns the version.
--   region: AWS region the version was listed in.
--   project_name: Name of the project.
--   version_name: Name of the version.
--   stay_number: Place among the version's stays, oldest first, from 1.
--   status: The status.
--   previous_status: Status it came from; null when the version was seen for the first time, or again after being away.
--   next_status: Status it went to; null while it lasts, and when the version went.
--   entered_at: When a sync first saw the version in it.
--   left_at: When a sync first saw the version otherwise, or gone; null while it lasts.
--   seconds: Time from entered_at to left_at; while it lasts, to the listing that the lake's rows come from. Null when
--     no record tells when that was.
--   is_current: Whether it lasts.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; with stay_number the key.
with states as (
    select
        account_id,
        region,
        project_arn,
        project_version_arn,
        project_name,
        version_name,
        status,
        valid_from,
        valid_to,
        lag(status) over life as status_before,
        -- a version that was away begins anew
        coalesce(lag(valid_to) over life = valid_from, false) as follows,
        lead(status) over life as status_after,
        coalesce(lead(valid_from) over life = valid_to, false) as is_followed
    from history.project_versions
    window life as (partition by project_version_arn order by valid_from)
),

numbered as (
    -- other columns than the status may change within a stay
    select
        *,
        not follows or status is distinct from status_before as is_first,
        not is_followed or status is distinct from status_after as is_last,
        count(*) filter (where not follows or status is distinct from status_before) over (
            partition by project_version_arn order by valid_from
            rows unbounded preceding
        ) as stay_number
    from states
),

stays as (
    select
        project_version_arn,
        stay_number,
        any_value(account_id) as account_id,
        any_value(region) as region,
        any_value(project_arn) as project_arn,
        any_value(project_name) as project_name,
        any_value(version_name) as version_name,
        any_value(status) as status,
        any_value(status_before) filter (where is_first and follows) as previous_status,
        any_value(status_after) filter (where is_last and is_followed) as next_status,
        min(valid_from) as entered_at,
        any_value(valid_to) filter (where is_last) as left_at
    from numbered
    group by project_version_arn, stay_number
),

timed as (
    select
        stays.*,
        epoch(coalesce(stays.left_at, scopes.last_complete_at)) - epoch(stays.entered_at) as seconds
    from stays
    left join main.scopes as scopes
        on scopes.account_id = stays.account_id
        and scopes.region = stays.region
)

select
    account_id,
    region,
    project_name,
    version_name,
    stay_number,
    status,
    previous_status,
    next_status,
    entered_at,
    left_at,
    -- in a lake without histories states begin with the snapshot, which is later than its listings
    case when seconds < 0 then 0 else seconds end as seconds,
    left_at is null as is_current,
    project_arn,
    project_version_arn
from timed

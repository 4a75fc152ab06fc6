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
        project_name,
        version_name,
        project_version_arn,
        status,
        valid_from,
        valid_to,
        begins_as = 'changed' as follows,
        ends_as is distinct from 'changed' as is_last,
        -- other columns may change within a stay
        begins_as <> 'changed' or differences like '%{"column_name":"status",%' as is_entry
    from history.project_versions
    -- those of versions that were seen in one state only, which are most, are taken straight through below
    where begins_as <> 'appeared' or ends_as is not null
),

moved as (
    select
        *,
        count(*) filter (where is_entry) over (life rows unbounded preceding) as stay_number,
        lag(status) over life as status_before,
        lead(status) over life as status_after,
        lead(is_entry) over life as is_followed,
        lead(valid_from) over life as next_valid_from,
        lead(valid_to) over life as next_valid_to
    from states
    -- a stay is told by the state it begins with and the one after that with which another begins, or the version went
    where is_entry or is_last
    -- a version stays in its project; with it named here, a question about one project reads no other
    window life as (partition by project_version_arn, project_arn, project_name order by valid_from)
),

stays as (
    select
        account_id,
        region,
        project_arn,
        project_name,
        version_name,
        project_version_arn,
        stay_number,
        status,
        case when follows then status_before end as previous_status,
        case when is_followed and not is_last then status_after end as next_status,
        valid_from as entered_at,
        case
            when is_last then valid_to
            when is_followed then next_valid_from
            else next_valid_to
        end as left_at
    from moved
    where is_entry
    union all by name
    select
        account_id,
        region,
        project_arn,
        project_name,
        version_name,
        project_version_arn,
        1 as stay_number,
        status,
        null as previous_status,
        null as next_status,
        valid_from as entered_at,
        null as left_at
    from history.project_versions
    where begins_as = 'appeared' and ends_as is null
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

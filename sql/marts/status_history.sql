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
with moved as (
    -- versions that were seen in one state only, which are most, need no order: they are taken straight through below
    select
        history.account_id,
        history.region,
        history.project_arn,
        history.project_name,
        history.version_name,
        history.project_version_arn,
        history.status,
        history.valid_from,
        history.valid_to
    from history.project_versions as history
    semi join (from history.project_versions where valid_to is not null) as ended
        on ended.project_version_arn = history.project_version_arn
),

states as (
    select
        *,
        -- a version that was away begins anew
        coalesce(lag(valid_to) over life = valid_from, false) as follows,
        lag(status) over life as status_before,
        lag(valid_to) over life as valid_to_before,
        last_value(valid_to) over (life rows between unbounded preceding and unbounded following) as last_valid_to
    from moved
    -- a version stays in its project; with it named here, a question about one project reads no other
    window life as (partition by project_arn, project_name, project_version_arn order by valid_from)
),

entries as (
    -- other columns than the status may change within a stay: it ends when the state before the next stay does
    select
        *,
        row_number() over life as stay_number,
        case when lead(follows) over life then lead(status) over life end as next_status,
        -- not with a third argument of lead, which older clients of a lake.duckdb do not read
        coalesce(lead(valid_to_before) over life, last_valid_to) as left_at
    from states
    where not follows or status is distinct from status_before
    window life as (partition by project_arn, project_name, project_version_arn order by valid_from)
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
        next_status,
        valid_from as entered_at,
        left_at
    from entries
    union all by name
    select
        history.account_id,
        history.region,
        history.project_arn,
        history.project_name,
        history.version_name,
        history.project_version_arn,
        1 as stay_number,
        history.status,
        null as previous_status,
        null as next_status,
        history.valid_from as entered_at,
        null as left_at
    from history.project_versions as history
    anti join (from history.project_versions where valid_to is not null) as ended
        on ended.project_version_arn = history.project_version_arn
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

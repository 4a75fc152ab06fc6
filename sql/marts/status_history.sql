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
        *,
        lag(status) over life as status_before,
        lead(status) over life as status_after,
        coalesce(lag(valid_to) over life = valid_from, false) as follows,
        coalesce(lead(valid_from) over life = valid_to, false) as is_followed,
    from history.project_versions
    -- a version stays in its project; with it named here and below, a question about one project reads no other
    window life as (partition by project_version_arn, project_arn, project_name order by valid_from)
),

edges as (
    -- the first and the last state of each stay, often the same: other columns may change within a stay
    select
        *,
        not follows or status is distinct from status_before as is_first,
        not is_followed or status is distinct from status_after as is_last,
    from states
    where is_first or is_last
),

stays as (
    select
        *,
        count(*) filter (where is_first) over (life rows unbounded preceding) as stay_number,
        case when is_last then valid_to else lead(valid_to) over life end as left_at,
        case when is_last then is_followed else lead(is_followed) over life end as is_followed_by_next,
        case when is_last then status_after else lead(status_after) over life end as status_of_next,
    from edges
    window life as (partition by project_version_arn, project_arn, project_name order by valid_from)
)

select
    stays.account_id,
    stays.region,
    stays.project_name,
    stays.version_name,
    stays.stay_number,
    stays.status,
    case when stays.follows then stays.status_before end as previous_status,
    case when stays.is_followed_by_next then stays.status_of_next end as next_status,
    stays.valid_from as entered_at,
    stays.left_at,
    epoch(coalesce(stays.left_at, scopes.last_complete_at)) - epoch(stays.valid_from) as seconds,
    stays.left_at is null as is_current,
    stays.project_arn,
    stays.project_version_arn,
from stays
left join main.scopes as scopes
    on scopes.account_id = stays.account_id
    and scopes.region = stays.region
where stays.is_first

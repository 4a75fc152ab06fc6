-- No state of a row began before an earlier one ended; history_open finds two that both last.
-- severity: error
with intervals as not materialized (
    select
        'projects' as table_name,
        project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        hash(project_arn) as key_hash,
        valid_from,
        valid_to
    from history.projects
    union all
    select
        'datasets' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        hash(dataset_arn) as key_hash,
        valid_from,
        valid_to
    from history.datasets
    union all
    select
        'project_versions' as table_name,
        project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        hash(project_version_arn) as key_hash,
        valid_from,
        valid_to
    from history.project_versions
    union all
    select
        'version_assets' as table_name,
        project_version_arn as arn,
        data_result,
        stage,
        asset_index,
        hash(project_version_arn, data_result, stage, asset_index) as key_hash,
        valid_from,
        valid_to
    from history.version_assets
),

lives as (
    -- most rows have had one state, and need no look; the hash of the key is narrow
    select
        intervals.key_hash,
        intervals.valid_from,
        intervals.valid_to,
        max(coalesce(intervals.valid_to, 'infinity'::timestamptz)) over (
            partition by intervals.key_hash
            order by intervals.valid_from
            rows between unbounded preceding and 1 preceding
        ) as taken_until
    from intervals
    semi join (from intervals where valid_to is not null) as ended on ended.key_hash = intervals.key_hash
),

found as (
    select * from lives
    where valid_from < taken_until
)

select
    intervals.table_name,
    intervals.arn,
    intervals.data_result || '/' || intervals.stage || '/' || intervals.asset_index as asset,
    intervals.valid_from,
    intervals.valid_to,
    nullif(found.taken_until, 'infinity'::timestamptz) as taken_until
from intervals
inner join found
    on found.key_hash = intervals.key_hash
    and found.valid_from = intervals.valid_from
    and found.valid_to is not distinct from intervals.valid_to

-- Every state of a history began, and ended later than it began.
-- severity: error
with intervals as (
    select
        'projects' as table_name,
        project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        valid_from,
        valid_to
    from history.projects
    where valid_from is null or valid_to <= valid_from
    union all
    select
        'datasets' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        valid_from,
        valid_to
    from history.datasets
    where valid_from is null or valid_to <= valid_from
    union all
    select
        'project_versions' as table_name,
        project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        valid_from,
        valid_to
    from history.project_versions
    where valid_from is null or valid_to <= valid_from
    union all
    select
        'version_assets' as table_name,
        project_version_arn as arn,
        data_result,
        stage,
        asset_index,
        valid_from,
        valid_to
    from history.version_assets
    where valid_from is null or valid_to <= valid_from
)

select
    table_name,
    arn,
    data_result || '/' || stage || '/' || asset_index as asset,
    valid_from,
    valid_to
from intervals

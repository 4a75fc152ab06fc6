-- No state goes on from an equal one: what did not change is one state.
-- severity: error
-- when: on demand
with intervals as not materialized (
    select
        'projects' as table_name,
        project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        null::varchar as name,
        hash(project_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
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
        null as name,
        hash(dataset_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
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
        null as name,
        hash(project_version_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
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
        null as name,
        hash(project_version_arn, data_result, stage, asset_index) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
        valid_from,
        valid_to
    from history.version_assets
    union all
    select
        'dataset_statistics' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash('dataset_statistics', dataset_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
        valid_from,
        valid_to
    from history.dataset_statistics
    union all
    select
        'resource_tags' as table_name,
        resource_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        tag_key as name,
        hash('resource_tags', resource_arn, tag_key) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
        valid_from,
        valid_to
    from history.resource_tags
    union all
    select
        'project_policies' as table_name,
        project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        policy_name as name,
        hash('project_policies', project_arn, policy_name) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash,
        valid_from,
        valid_to
    from history.project_policies
),

ended as not materialized (
    select * from intervals
    where valid_to is not null
),

begun as not materialized (
    -- only what began at an instant at which something ended can go on from it; most rows never changed
    select intervals.*
    from intervals
    semi join (select distinct valid_to from ended) as instants on instants.valid_to = intervals.valid_from
)

select
    begun.table_name,
    begun.arn,
    coalesce(begun.name, begun.data_result || '/' || begun.stage || '/' || begun.asset_index) as item,
    ended.valid_from,
    begun.valid_from as repeated_at
from begun
inner join ended
    on ended.table_name = begun.table_name
    and ended.key_hash = begun.key_hash
    and ended.state_hash = begun.state_hash
    and ended.valid_to = begun.valid_from

-- The state that lasts is the current row, in every column.
-- severity: error
-- when: on demand
with present as not materialized (
    select
        'projects' as table_name,
        project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        null::varchar as name,
        hash(project_arn) as key_hash,
        hash(*columns(*)) as state_hash
    from main.projects
    union all
    select
        'datasets' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash(dataset_arn) as key_hash,
        hash(*columns(*)) as state_hash
    from main.datasets
    union all
    select
        'project_versions' as table_name,
        project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash(project_version_arn) as key_hash,
        hash(*columns(*)) as state_hash
    from main.project_versions
    union all
    select
        'version_assets' as table_name,
        project_version_arn as arn,
        data_result,
        stage,
        asset_index,
        null as name,
        hash(project_version_arn, data_result, stage, asset_index) as key_hash,
        hash(*columns(*)) as state_hash
    from main.version_assets
    union all
    select
        'dataset_statistics' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash('dataset_statistics', dataset_arn) as key_hash,
        hash(*columns(*)) as state_hash
    from main.dataset_statistics
    union all
    select
        'resource_tags' as table_name,
        resource_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        tag_key as name,
        hash('resource_tags', resource_arn, tag_key) as key_hash,
        hash(*columns(*)) as state_hash
    from main.resource_tags
    union all
    select
        'project_policies' as table_name,
        project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        policy_name as name,
        hash('project_policies', project_arn, policy_name) as key_hash,
        hash(*columns(*)) as state_hash
    from main.project_policies
),

lasting as not materialized (
    select
        'projects' as table_name,
        project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        null::varchar as name,
        hash(project_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.projects
    where valid_to is null
    union all
    select
        'datasets' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash(dataset_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.datasets
    where valid_to is null
    union all
    select
        'project_versions' as table_name,
        project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash(project_version_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.project_versions
    where valid_to is null
    union all
    select
        'version_assets' as table_name,
        project_version_arn as arn,
        data_result,
        stage,
        asset_index,
        null as name,
        hash(project_version_arn, data_result, stage, asset_index) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.version_assets
    where valid_to is null
    union all
    select
        'dataset_statistics' as table_name,
        dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        hash('dataset_statistics', dataset_arn) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.dataset_statistics
    where valid_to is null
    union all
    select
        'resource_tags' as table_name,
        resource_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        tag_key as name,
        hash('resource_tags', resource_arn, tag_key) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.resource_tags
    where valid_to is null
    union all
    select
        'project_policies' as table_name,
        project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        policy_name as name,
        hash('project_policies', project_arn, policy_name) as key_hash,
        hash(*columns(* exclude (valid_from, valid_to, begins_as, ends_as, differences))) as state_hash
    from history.project_policies
    where valid_to is null
),

suspects as (
    -- sums over a thousandth of the keys each: equal rows give equal sums, and only what differs is looked at closely
    select part
    from (
        select key_hash % 1000 as part, state_hash::hugeint as amount from present
        union all
        select key_hash % 1000 as part, -state_hash::hugeint as amount from lasting
    )
    group by part
    having sum(amount) <> 0
)

select
    present.table_name,
    present.arn,
    coalesce(present.name, present.data_result || '/' || present.stage || '/' || present.asset_index) as item
from (from present where key_hash % 1000 in (from suspects)) as present
inner join (from lasting where key_hash % 1000 in (from suspects)) as lasting
    on lasting.table_name = present.table_name
    and lasting.key_hash = present.key_hash
where lasting.state_hash <> present.state_hash

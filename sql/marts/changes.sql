-- What appeared, changed or went between two listings of a scope, in all tables, by run. A row that came back has
-- appeared again. What came and went between two listings was not seen. Counts of a version's manifests are left out: the
-- manifests themselves are told of.
-- grain: one row per row that appeared or went and, of one that changed, per changed column
-- columns:
--   changed_at: When the listing ended that first saw it so.
--   run_id: The first run that published that listing; null when its record is no longer kept.
--   account_id: AWS account that owns the row.
--   region: AWS region the row was listed in.
--   table_name: Table of the row, such as project_versions.
--   project_name: Name of the project, parsed out of the ARN.
--   version_name: Name of the version, parsed out of the ARN; null where the row is about none.
--   item: Place of a manifest, such as training/input/0, key of a tag or name of a policy; null in the other tables.
--   change: appeared, changed or went.
--   is_first_listing: Whether it was found by the first listing of its scope, so that it may have been there for long.
--   column_name: Column that changed; null where the row appeared or went.
--   value_before: Its value before, as text; instants are in UTC.
--   value_after: Its value since, as text; instants are in UTC.
--   arn: ARN of the project, dataset or version that the row is about or belongs to.
with appeared as (
    -- a state that goes on from none; table by table, because the keys of most are then one column
    select
        'projects' as table_name,
        new.project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        null::varchar as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.projects as new
    anti join (from history.projects where valid_to is not null) as old
        on old.project_arn = new.project_arn
        and old.valid_to = new.valid_from
    union all
    select
        'datasets' as table_name,
        new.dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.datasets as new
    anti join (from history.datasets where valid_to is not null) as old
        on old.dataset_arn = new.dataset_arn
        and old.valid_to = new.valid_from
    union all
    select
        'project_versions' as table_name,
        new.project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.project_versions as new
    anti join (from history.project_versions where valid_to is not null) as old
        on old.project_version_arn = new.project_version_arn
        and old.valid_to = new.valid_from
    union all
    select
        'version_assets' as table_name,
        new.project_version_arn as arn,
        new.data_result,
        new.stage,
        new.asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.version_assets as new
    anti join (from history.version_assets where valid_to is not null) as old
        on old.project_version_arn = new.project_version_arn
        and old.data_result = new.data_result
        and old.stage = new.stage
        and old.asset_index = new.asset_index
        and old.valid_to = new.valid_from
    union all
    select
        'dataset_statistics' as table_name,
        new.dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.dataset_statistics as new
    anti join (from history.dataset_statistics where valid_to is not null) as old
        on old.dataset_arn = new.dataset_arn
        and old.valid_to = new.valid_from
    union all
    select
        'resource_tags' as table_name,
        new.resource_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        new.tag_key as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.resource_tags as new
    anti join (from history.resource_tags where valid_to is not null) as old
        on old.resource_arn = new.resource_arn
        and old.tag_key = new.tag_key
        and old.valid_to = new.valid_from
    union all
    select
        'project_policies' as table_name,
        new.project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        new.policy_name as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at
    from history.project_policies as new
    anti join (from history.project_policies where valid_to is not null) as old
        on old.project_arn = new.project_arn
        and old.policy_name = new.policy_name
        and old.valid_to = new.valid_from
),

went as (
    -- a state that ended, and that none goes on from
    select
        'projects' as table_name,
        old.project_arn as arn,
        null::varchar as data_result,
        null::varchar as stage,
        null::bigint as asset_index,
        null::varchar as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.projects as old
    anti join history.projects as new
        on new.project_arn = old.project_arn
        and old.valid_to = new.valid_from
    where old.valid_to is not null
    union all
    select
        'datasets' as table_name,
        old.dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.datasets as old
    anti join history.datasets as new
        on new.dataset_arn = old.dataset_arn
        and old.valid_to = new.valid_from
    where old.valid_to is not null
    union all
    select
        'project_versions' as table_name,
        old.project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.project_versions as old
    anti join history.project_versions as new
        on new.project_version_arn = old.project_version_arn
        and old.valid_to = new.valid_from
    where old.valid_to is not null
    union all
    select
        'version_assets' as table_name,
        old.project_version_arn as arn,
        old.data_result,
        old.stage,
        old.asset_index,
        null as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.version_assets as old
    anti join history.version_assets as new
        on new.project_version_arn = old.project_version_arn
        and new.data_result = old.data_result
        and new.stage = old.stage
        and new.asset_index = old.asset_index
        and old.valid_to = new.valid_from
    where old.valid_to is not null
    union all
    select
        'dataset_statistics' as table_name,
        old.dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.dataset_statistics as old
    anti join history.dataset_statistics as new
        on new.dataset_arn = old.dataset_arn
        and old.valid_to = new.valid_from
    where old.valid_to is not null
    union all
    select
        'resource_tags' as table_name,
        old.resource_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        old.tag_key as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.resource_tags as old
    anti join history.resource_tags as new
        on new.resource_arn = old.resource_arn
        and new.tag_key = old.tag_key
        and old.valid_to = new.valid_from
    where old.valid_to is not null
    union all
    select
        'project_policies' as table_name,
        old.project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        old.policy_name as name,
        old.account_id,
        old.region,
        old.valid_to as changed_at
    from history.project_policies as old
    anti join history.project_policies as new
        on new.project_arn = old.project_arn
        and new.policy_name = old.policy_name
        and old.valid_to = new.valid_from
    where old.valid_to is not null
),

-- what changed: two states of a row that touch, side by side
project_changes as (
    select
        'projects' as table_name,
        new.project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('project_name', old.project_name, new.project_name),
            row(
                'created_at',
                (old.created_at at time zone 'UTC')::varchar || '+00',
                (new.created_at at time zone 'UTC')::varchar || '+00'
            ),
            row('status', old.status, new.status),
            row('feature', old.feature, new.feature),
            row('auto_update', old.auto_update, new.auto_update),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.projects as old
    inner join history.projects as new
        on new.project_arn = old.project_arn
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

dataset_changes as (
    select
        'datasets' as table_name,
        new.dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('project_arn', old.project_arn, new.project_arn),
            row('dataset_type', old.dataset_type, new.dataset_type),
            row(
                'created_at',
                (old.created_at at time zone 'UTC')::varchar || '+00',
                (new.created_at at time zone 'UTC')::varchar || '+00'
            ),
            row('status', old.status, new.status),
            row('status_message', old.status_message, new.status_message),
            row('status_message_code', old.status_message_code, new.status_message_code),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.datasets as old
    inner join history.datasets as new
        on new.dataset_arn = old.dataset_arn
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

version_changes as (
    select
        'project_versions' as table_name,
        new.project_version_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('project_arn', old.project_arn, new.project_arn),
            row('project_name', old.project_name, new.project_name),
            row('version_name', old.version_name, new.version_name),
            row(
                'created_at',
                (old.created_at at time zone 'UTC')::varchar || '+00',
                (new.created_at at time zone 'UTC')::varchar || '+00'
            ),
            row('status', old.status, new.status),
            row('status_message', old.status_message, new.status_message),
            row('min_inference_units', old.min_inference_units::varchar, new.min_inference_units::varchar),
            row('max_inference_units', old.max_inference_units::varchar, new.max_inference_units::varchar),
            row(
                'billable_training_seconds',
                old.billable_training_seconds::varchar,
                new.billable_training_seconds::varchar
            ),
            row(
                'training_ended_at',
                (old.training_ended_at at time zone 'UTC')::varchar || '+00',
                (new.training_ended_at at time zone 'UTC')::varchar || '+00'
            ),
            row('output_bucket', old.output_bucket, new.output_bucket),
            row('output_key_prefix', old.output_key_prefix, new.output_key_prefix),
            row(
                'testing_input_auto_create',
                old.testing_input_auto_create::varchar,
                new.testing_input_auto_create::varchar
            ),
            row(
                'testing_output_auto_create',
                old.testing_output_auto_create::varchar,
                new.testing_output_auto_create::varchar
            ),
            row('f1_score', old.f1_score::varchar, new.f1_score::varchar),
            row('evaluation_summary_bucket', old.evaluation_summary_bucket, new.evaluation_summary_bucket),
            row('evaluation_summary_key', old.evaluation_summary_key, new.evaluation_summary_key),
            row('evaluation_summary_version', old.evaluation_summary_version, new.evaluation_summary_version),
            row('manifest_summary_bucket', old.manifest_summary_bucket, new.manifest_summary_bucket),
            row('manifest_summary_key', old.manifest_summary_key, new.manifest_summary_key),
            row('manifest_summary_version', old.manifest_summary_version, new.manifest_summary_version),
            row('kms_key_id', old.kms_key_id, new.kms_key_id),
            row('source_project_version_arn', old.source_project_version_arn, new.source_project_version_arn),
            row('version_description', old.version_description, new.version_description),
            row('feature', old.feature, new.feature),
            row('base_model_version', old.base_model_version, new.base_model_version),
            row(
                'moderation_confidence_threshold',
                old.moderation_confidence_threshold::varchar,
                new.moderation_confidence_threshold::varchar
            ),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.project_versions as old
    inner join history.project_versions as new
        on new.project_version_arn = old.project_version_arn
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

asset_changes as (
    select
        'version_assets' as table_name,
        new.project_version_arn as arn,
        new.data_result,
        new.stage,
        new.asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('project_arn', old.project_arn, new.project_arn),
            row('bucket', old.bucket, new.bucket),
            row('key', old.key, new.key),
            row('version', old.version, new.version),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.version_assets as old
    inner join history.version_assets as new
        on new.project_version_arn = old.project_version_arn
        and new.data_result = old.data_result
        and new.stage = old.stage
        and new.asset_index = old.asset_index
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

statistics_changes as (
    select
        'dataset_statistics' as table_name,
        new.dataset_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        null as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('project_arn', old.project_arn, new.project_arn),
            row(
                'created_at',
                (old.created_at at time zone 'UTC')::varchar || '+00',
                (new.created_at at time zone 'UTC')::varchar || '+00'
            ),
            row(
                'updated_at',
                (old.updated_at at time zone 'UTC')::varchar || '+00',
                (new.updated_at at time zone 'UTC')::varchar || '+00'
            ),
            row('status', old.status, new.status),
            row('status_message', old.status_message, new.status_message),
            row('status_message_code', old.status_message_code, new.status_message_code),
            row('labeled_entries', old.labeled_entries::varchar, new.labeled_entries::varchar),
            row('total_entries', old.total_entries::varchar, new.total_entries::varchar),
            row('total_labels', old.total_labels::varchar, new.total_labels::varchar),
            row('error_entries', old.error_entries::varchar, new.error_entries::varchar),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.dataset_statistics as old
    inner join history.dataset_statistics as new
        on new.dataset_arn = old.dataset_arn
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

tag_changes as (
    select
        'resource_tags' as table_name,
        new.resource_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        new.tag_key as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('project_arn', old.project_arn, new.project_arn),
            row('resource_type', old.resource_type, new.resource_type),
            row('tag_value', old.tag_value, new.tag_value),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.resource_tags as old
    inner join history.resource_tags as new
        on new.resource_arn = old.resource_arn
        and new.tag_key = old.tag_key
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

policy_changes as (
    select
        'project_policies' as table_name,
        new.project_arn as arn,
        null as data_result,
        null as stage,
        null as asset_index,
        new.policy_name as name,
        new.account_id,
        new.region,
        new.valid_from as changed_at,
        unnest([
            row('account_id', old.account_id, new.account_id),
            row('region', old.region, new.region),
            row('policy_revision_id', old.policy_revision_id, new.policy_revision_id),
            row('policy_document', old.policy_document, new.policy_document),
            row(
                'created_at',
                (old.created_at at time zone 'UTC')::varchar || '+00',
                (new.created_at at time zone 'UTC')::varchar || '+00'
            ),
            row(
                'updated_at',
                (old.updated_at at time zone 'UTC')::varchar || '+00',
                (new.updated_at at time zone 'UTC')::varchar || '+00'
            ),
            row('extra', old.extra, new.extra)
        ]::struct(column_name varchar, value_before varchar, value_after varchar)[]) as value
    from history.project_policies as old
    inner join history.project_policies as new
        on new.project_arn = old.project_arn
        and new.policy_name = old.policy_name
        and new.valid_from = old.valid_to
    where old.valid_to is not null
),

changes as (
    select *, 'appeared' as change, null as value from appeared
    union all by name
    select *, 'went' as change, null as value from went
    union all by name
    select *, 'changed' as change from project_changes
    union all by name
    select *, 'changed' as change from dataset_changes
    union all by name
    select *, 'changed' as change from version_changes
    union all by name
    select *, 'changed' as change from asset_changes
    union all by name
    select *, 'changed' as change from statistics_changes
    union all by name
    select *, 'changed' as change from tag_changes
    union all by name
    select *, 'changed' as change from policy_changes
),

first_listings as (
    -- a listing may have found nothing, so the records count too
    select
        account_id,
        region,
        min(instant) as first_listed_at
    from (
        select account_id, region, min(valid_from) as instant from main.intervals group by account_id, region
        union all
        select account_id, region, min(listed_at) as instant from main.listings group by account_id, region
    )
    group by account_id, region
    -- no lake has so many scopes; it tells DuckDB that this is the small side of the join
    limit 100000
)

select
    changes.changed_at,
    listings.run_id,
    changes.account_id,
    changes.region,
    changes.table_name,
    nullif(split_part(split_part(changes.arn, ':', 6), '/', 2), '') as project_name,
    case
        when
            changes.table_name in ('project_versions', 'version_assets')
            or (changes.table_name = 'resource_tags' and split_part(split_part(changes.arn, ':', 6), '/', 3) = 'version')
            then nullif(split_part(split_part(changes.arn, ':', 6), '/', 4), '')
    end as version_name,
    coalesce(changes.name, changes.data_result || '/' || changes.stage || '/' || changes.asset_index) as item,
    changes.change,
    changes.changed_at = first_listings.first_listed_at as is_first_listing,
    changes.value.column_name as column_name,
    changes.value.value_before as value_before,
    changes.value.value_after as value_after,
    changes.arn
from changes
left join first_listings
    on first_listings.account_id = changes.account_id
    and first_listings.region = changes.region
left join main.listings as listings
    on listings.account_id = changes.account_id
    and listings.region = changes.region
    and listings.listed_at = changes.changed_at
where changes.value.value_before is distinct from changes.value.value_after or changes.change <> 'changed'

-- Every state of every row in all histories, without its values: the row's key, how long it was so, and what it changed.
-- grain: one row per row of a table and state it was seen in
-- columns:
--   table_name: Table of the row, such as project_versions.
--   account_id: AWS account that owns the row.
--   region: AWS region the row was listed in.
--   arn: ARN of the project, dataset or version that the row is about or, a manifest, tag or policy, belongs to.
--   data_result: training or testing; null in the other tables than version_assets.
--   stage: input, output or validation; null in the other tables than version_assets.
--   asset_index: Place in the list; null in the other tables than version_assets.
--   name: Key of a tag, name of a policy; null in the other tables.
--   key_hash: Hash of the row's key, which is narrower to compare; equal keys of one table have equal hashes, and those
--     of different tables different ones.
--   valid_from: When a sync first saw the row in this state (inclusive).
--   valid_to: When a sync first saw it otherwise, or gone (exclusive); null if it is still so.
--   begins_as: How the state began: appeared, changed or returned.
--   ends_as: How the state ended: changed or went; null if it is still so.
--   differences: What is not as before, where it began as changed; JSON as in the history.
select
    'projects' as table_name,
    account_id,
    region,
    project_arn as arn,
    null::varchar as data_result,
    null::varchar as stage,
    null::bigint as asset_index,
    null::varchar as name,
    hash(project_arn) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.projects
union all
select
    'datasets' as table_name,
    account_id,
    region,
    dataset_arn as arn,
    null as data_result,
    null as stage,
    null as asset_index,
    null as name,
    hash(dataset_arn) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.datasets
union all
select
    'project_versions' as table_name,
    account_id,
    region,
    project_version_arn as arn,
    null as data_result,
    null as stage,
    null as asset_index,
    null as name,
    hash(project_version_arn) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.project_versions
union all
select
    'version_assets' as table_name,
    account_id,
    region,
    project_version_arn as arn,
    data_result,
    stage,
    asset_index,
    null as name,
    hash(project_version_arn, data_result, stage, asset_index) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.version_assets
union all
select
    'dataset_statistics' as table_name,
    account_id,
    region,
    dataset_arn as arn,
    null as data_result,
    null as stage,
    null as asset_index,
    null as name,
    hash('dataset_statistics', dataset_arn) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.dataset_statistics
union all
select
    'resource_tags' as table_name,
    account_id,
    region,
    resource_arn as arn,
    null as data_result,
    null as stage,
    null as asset_index,
    tag_key as name,
    hash('resource_tags', resource_arn, tag_key) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.resource_tags
union all
select
    'project_policies' as table_name,
    account_id,
    region,
    project_arn as arn,
    null as data_result,
    null as stage,
    null as asset_index,
    policy_name as name,
    hash('project_policies', project_arn, policy_name) as key_hash,
    valid_from,
    valid_to,
    begins_as,
    ends_as,
    differences
from history.project_policies

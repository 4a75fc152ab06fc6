-- Every state of every row in all histories, without its values: the row's key and how long it was so.
-- grain: one row per row of a table and state it was seen in
-- columns:
--   table_name: Table of the row: projects, datasets, project_versions or version_assets.
--   account_id: AWS account that owns the row.
--   region: AWS region the row was listed in.
--   arn: ARN of the project, dataset or version that the row is about or, a manifest, belongs to.
--   data_result: training or testing; null in the other tables than version_assets.
--   stage: input, output or validation; null in the other tables than version_assets.
--   asset_index: Place in the list; null in the other tables than version_assets.
--   key_hash: Hash of the row's key, which is narrower to compare; equal keys of one table have equal hashes.
--   valid_from: When a sync first saw the row in this state (inclusive).
--   valid_to: When a sync first saw it otherwise, or gone (exclusive); null if it is still so.
select
    'projects' as table_name,
    account_id,
    region,
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
    account_id,
    region,
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
    account_id,
    region,
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
    account_id,
    region,
    project_version_arn as arn,
    data_result,
    stage,
    asset_index,
    hash(project_version_arn, data_result, stage, asset_index) as key_hash,
    valid_from,
    valid_to
from history.version_assets

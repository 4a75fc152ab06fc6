-- Which model versions share a manifest.
-- grain: one row per manifest object (bucket, key and S3 object version)
-- columns:
--   bucket: Bucket of the manifest.
--   key: Key of the manifest.
--   version: S3 object version; null when the API gives none.
--   version_count: Model versions that refer to it.
--   used_as: What they use it as, such as "testing output, training input".
--   first_used_at: When the first of those versions was created.
--   last_used_at: When the last of those versions was created.
--   project_version_arns: ARNs of those versions, sorted.
with uses as (
    -- one row per manifest and model version, so that counting needs no distinct
    select
        bucket,
        key,
        version,
        project_version_arn,
        bool_or(data_result = 'testing' and stage = 'input') as is_testing_input,
        bool_or(data_result = 'testing' and stage = 'output') as is_testing_output,
        bool_or(data_result = 'testing' and stage = 'validation') as is_testing_validation,
        bool_or(data_result = 'training' and stage = 'input') as is_training_input,
        bool_or(data_result = 'training' and stage = 'output') as is_training_output,
        bool_or(data_result = 'training' and stage = 'validation') as is_training_validation
    from main.version_assets
    where bucket is not null or key is not null
    group by bucket, key, version, project_version_arn
)

select
    uses.bucket,
    uses.key,
    uses.version,
    count(*) as version_count,
    concat_ws(
        ', ',
        case when bool_or(uses.is_testing_input) then 'testing input' end,
        case when bool_or(uses.is_testing_output) then 'testing output' end,
        case when bool_or(uses.is_testing_validation) then 'testing validation' end,
        case when bool_or(uses.is_training_input) then 'training input' end,
        case when bool_or(uses.is_training_output) then 'training output' end,
        case when bool_or(uses.is_training_validation) then 'training validation' end
    ) as used_as,
    min(versions.created_at) as first_used_at,
    max(versions.created_at) as last_used_at,
    list_sort(list(uses.project_version_arn)) as project_version_arns
from uses
left join main.project_versions as versions on versions.project_version_arn = uses.project_version_arn
group by uses.bucket, uses.key, uses.version

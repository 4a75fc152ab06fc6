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
        -- a bit for each use: one number is much faster to aggregate than six flags
        bit_or(
            case data_result when 'testing' then 1 when 'training' then 8 else 0 end
            * case stage when 'input' then 1 when 'output' then 2 when 'validation' then 4 else 0 end
        ) as used_as,
    from main.version_assets
    where bucket is not null or key is not null
    group by bucket, key, version, project_version_arn
),

manifests as (
    select
        uses.bucket,
        uses.key,
        uses.version,
        count(*) as version_count,
        bit_or(uses.used_as) as used_as,
        min(versions.created_at) as first_used_at,
        max(versions.created_at) as last_used_at,
        list(uses.project_version_arn) as project_version_arns,
    from uses
    left join main.project_versions as versions on versions.project_version_arn = uses.project_version_arn
    group by uses.bucket, uses.key, uses.version
)

select
    bucket,
    key,
    version,
    version_count,
    concat_ws(
        ', ',
        case when used_as & 1 <> 0 then 'testing input' end,
        case when used_as & 2 <> 0 then 'testing output' end,
        case when used_as & 4 <> 0 then 'testing validation' end,
        case when used_as & 8 <> 0 then 'training input' end,
        case when used_as & 16 <> 0 then 'training output' end,
        case when used_as & 32 <> 0 then 'training validation' end
    ) as used_as,
    first_used_at,
    last_used_at,
    case when version_count = 1 then project_version_arns else list_sort(project_version_arns) end
        as project_version_arns,
from manifests

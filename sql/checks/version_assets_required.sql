-- Every row of version_assets has its account, region, project and key.
-- severity: error
select
    account_id,
    region,
    project_arn,
    project_version_arn,
    data_result,
    stage,
    asset_index
from main.version_assets
where
    account_id is null
    or region is null
    or project_arn is null
    or project_version_arn is null
    or data_result is null
    or stage is null
    or asset_index is null

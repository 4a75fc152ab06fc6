-- Every manifest asset belongs to a model version of the lake, in its account and region.
-- severity: error
-- when: on demand
select
    assets.account_id,
    assets.region,
    assets.project_version_arn,
    count(*) as asset_count
from main.version_assets as assets
anti join main.project_versions as versions
    on versions.project_version_arn = assets.project_version_arn
    and versions.account_id = assets.account_id
    and versions.region = assets.region
group by assets.account_id, assets.region, assets.project_version_arn

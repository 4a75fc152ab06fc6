-- Assets of a list are numbered from 0 without a gap, so that none was lost.
-- severity: error
-- when: on demand
select
    project_version_arn,
    data_result,
    stage,
    count(*) as asset_count,
    min(asset_index) as first_index,
    max(asset_index) as last_index,
from main.version_assets
group by project_version_arn, data_result, stage
having min(asset_index) <> 0 or max(asset_index) <> count(*) - 1

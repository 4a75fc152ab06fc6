-- Each asset stands once in version_assets: the key is unique.
-- severity: error
-- when: on demand
select
    project_version_arn,
    data_result,
    stage,
    asset_index,
    count(*) as row_count
from main.version_assets
group by project_version_arn, data_result, stage, asset_index
having count(*) > 1

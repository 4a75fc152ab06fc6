-- Every row of project_versions has its account, region, project and key.
-- severity: error
select
    account_id,
    region,
    project_arn,
    project_version_arn
from main.project_versions
where
    account_id is null
    or region is null
    or project_arn is null
    or project_version_arn is null

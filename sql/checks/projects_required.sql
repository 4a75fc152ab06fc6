-- Every row of projects has its account, region, project and key.
-- severity: error
select
    account_id,
    region,
    project_arn
from main.projects
where
    account_id is null
    or region is null
    or project_arn is null

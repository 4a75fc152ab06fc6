-- Every row of dataset_statistics has its account, region, project and key.
-- severity: error
select
    account_id,
    region,
    project_arn,
    dataset_arn
from main.dataset_statistics
where
    account_id is null
    or region is null
    or project_arn is null
    or dataset_arn is null

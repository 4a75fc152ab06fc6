-- Every row of project_policies has its account, region, project and key.
-- severity: error
select
    account_id,
    region,
    project_arn,
    policy_name
from main.project_policies
where
    account_id is null
    or region is null
    or project_arn is null
    or policy_name is null

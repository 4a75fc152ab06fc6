-- Every row of resource_tags has its account, region, project and key.
-- severity: error
select
    account_id,
    region,
    project_arn,
    resource_arn,
    tag_key
from main.resource_tags
where
    account_id is null
    or region is null
    or project_arn is null
    or resource_arn is null
    or tag_key is null

-- Every tag is on a project, dataset or model version of the lake.
-- severity: error
select
    tags.account_id,
    tags.region,
    tags.resource_arn,
    count(*) as tag_count
from main.resource_tags as tags
anti join main.projects as projects on projects.project_arn = tags.resource_arn
anti join main.datasets as datasets on datasets.dataset_arn = tags.resource_arn
anti join main.project_versions as versions on versions.project_version_arn = tags.resource_arn
group by tags.account_id, tags.region, tags.resource_arn

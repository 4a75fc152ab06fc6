-- Every model version belongs to a project of the lake.
-- severity: error
select
    versions.account_id,
    versions.region,
    versions.project_version_arn,
    versions.project_arn
from main.project_versions as versions
anti join main.projects as projects on projects.project_arn = versions.project_arn

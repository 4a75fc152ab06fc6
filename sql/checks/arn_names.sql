-- Project and version names could be read out of every ARN.
-- severity: warn
select
    'projects' as table_name,
    project_arn as arn,
from main.projects
where project_name is null
union all
select
    'project_versions' as table_name,
    project_version_arn as arn,
from main.project_versions
where project_name is null or version_name is null

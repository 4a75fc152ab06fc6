-- Each model version stands once in project_versions: the key is unique.
-- severity: error
-- when: on demand
select
    project_version_arn,
    count(*) as row_count
from main.project_versions
group by project_version_arn
having count(*) > 1

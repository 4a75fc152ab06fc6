-- Each project stands once in projects: the key is unique.
-- severity: error
-- when: on demand
select
    project_arn,
    count(*) as row_count
from main.projects
group by project_arn
having count(*) > 1

-- Each policy of a project stands once in project_policies: the key is unique.
-- severity: error
-- when: on demand
select
    project_arn,
    policy_name,
    count(*) as row_count
from main.project_policies
group by project_arn, policy_name
having count(*) > 1

-- Every policy is attached to a project of the lake.
-- severity: error
select
    policies.account_id,
    policies.region,
    policies.project_arn,
    policies.policy_name
from main.project_policies as policies
anti join main.projects as projects on projects.project_arn = policies.project_arn

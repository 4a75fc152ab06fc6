-- Every dataset belongs to a project of the lake.
-- severity: error
select
    datasets.account_id,
    datasets.region,
    datasets.dataset_arn,
    datasets.project_arn
from main.datasets as datasets
anti join main.projects as projects on projects.project_arn = datasets.project_arn

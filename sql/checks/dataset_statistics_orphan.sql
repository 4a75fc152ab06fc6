-- Every row of dataset_statistics is about a dataset of the lake.
-- severity: error
select
    statistics.account_id,
    statistics.region,
    statistics.dataset_arn,
    statistics.project_arn
from main.dataset_statistics as statistics
anti join main.datasets as datasets on datasets.dataset_arn = statistics.dataset_arn

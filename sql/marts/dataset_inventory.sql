-- Every dataset with what people ask of it: how many images it has, and how many of them are labeled. The counts are
-- null where DescribeDataset was not asked, not permitted, or does not give them; 0 is a dataset without images.
-- grain: one row per dataset, with or without statistics
-- columns:
--   account_id: AWS account that owns the dataset.
--   region: AWS region the dataset was listed in.
--   project_name: Name of the project; null if the lake does not have the project.
--   project_arn: ARN of the project.
--   dataset_arn: ARN of the dataset; the key.
--   dataset_type: TRAIN or TEST.
--   status: Status of the dataset, as its project's description gives it: that is asked at every sync.
--   created_at: When the dataset was created.
--   updated_at: When the dataset was last updated; null without statistics.
--   labeled_entries: Images that have labels; null without statistics.
--   total_entries: Images of the dataset; null without statistics.
--   error_entries: Images that have at least one error; null without statistics.
--   total_labels: Labels that the dataset declares; null without statistics.
--   labeled_share: Share of the images that have labels, 0 to 1; null without statistics, and without images.
select
    datasets.account_id,
    datasets.region,
    projects.project_name,
    datasets.project_arn,
    datasets.dataset_arn,
    datasets.dataset_type,
    datasets.status,
    coalesce(datasets.created_at, statistics.created_at) as created_at,
    statistics.updated_at,
    statistics.labeled_entries,
    statistics.total_entries,
    statistics.error_entries,
    statistics.total_labels,
    statistics.labeled_entries / nullif(statistics.total_entries, 0) as labeled_share,
from main.datasets as datasets
left join main.projects as projects on projects.project_arn = datasets.project_arn
left join main.dataset_statistics as statistics on statistics.dataset_arn = datasets.dataset_arn

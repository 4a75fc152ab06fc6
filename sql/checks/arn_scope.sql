-- The account and region inside an ARN are those that the row was listed in. Assets are compared with their versions:
-- version_assets_orphan.
-- severity: error
with arns as (
    select 'projects' as table_name, account_id, region, project_arn as arn from main.projects
    union all
    select 'datasets' as table_name, account_id, region, dataset_arn as arn from main.datasets
    union all
    select 'project_versions' as table_name, account_id, region, project_version_arn as arn from main.project_versions
    union all
    select 'dataset_statistics' as table_name, account_id, region, dataset_arn as arn from main.dataset_statistics
    union all
    select distinct
        'resource_tags' as table_name,
        account_id,
        region,
        resource_arn as arn,
    from main.resource_tags
    union all
    select distinct
        'project_policies' as table_name,
        account_id,
        region,
        project_arn as arn,
    from main.project_policies
)

select
    table_name,
    account_id,
    region,
    arn,
from arns
-- arn:partition:rekognition:region:account:resource
where
    split_part(arn, ':', 4) <> region
    or split_part(arn, ':', 5) <> account_id

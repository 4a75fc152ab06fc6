-- Nothing was created after the present day (a day's grace for clocks that differ).
-- severity: warn
with created as (
    select 'projects' as table_name, project_arn as arn, created_at from main.projects
    union all
    select 'datasets' as table_name, dataset_arn as arn, created_at from main.datasets
    union all
    select 'project_versions' as table_name, project_version_arn as arn, created_at from main.project_versions
    union all
    select 'dataset_statistics' as table_name, dataset_arn as arn, created_at from main.dataset_statistics
    union all
    select 'project_policies' as table_name, project_arn as arn, created_at from main.project_policies
)

select
    created.table_name,
    created.arn,
    created.created_at,
from created
cross join main.clock as clock
where epoch(created.created_at) > epoch(clock.now_at) + 86400

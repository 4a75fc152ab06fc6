-- Training takes less than 31 days from the asking to the end. Copies are left out.
-- severity: warn
select
    project_version_arn,
    status,
    created_at,
    training_ended_at,
from main.project_versions
where
    epoch(training_ended_at) - epoch(created_at) > 31 * 86400
    and source_project_version_arn is null

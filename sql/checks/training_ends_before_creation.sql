-- Training does not end before it was asked for. Copies are left out: they keep their source's training.
-- severity: error
select
    project_version_arn,
    status,
    created_at,
    training_ended_at,
from main.project_versions
where
    training_ended_at < created_at
    and source_project_version_arn is null

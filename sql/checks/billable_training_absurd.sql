-- Billed training time is below 31 days, beyond which a number is hard to believe.
-- severity: warn
select
    project_version_arn,
    status,
    billable_training_seconds,
    created_at,
    training_ended_at,
from main.project_versions
where billable_training_seconds > 31 * 86400

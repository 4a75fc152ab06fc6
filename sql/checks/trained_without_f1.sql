-- A version trained to the end has an F1; without one it cannot be compared.
-- severity: warn
select
    project_version_arn,
    status,
    feature,
from main.project_versions
where
    status in ('TRAINING_COMPLETED', 'RUNNING', 'STOPPED')
    and coalesce(feature, 'CUSTOM_LABELS') = 'CUSTOM_LABELS'
    and f1_score is null

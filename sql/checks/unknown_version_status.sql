-- Every model version's status and feature is one that the API is known to give.
-- severity: warn
select
    project_version_arn,
    status,
    feature
from main.project_versions
where
    status not in (
        'TRAINING_IN_PROGRESS',
        'TRAINING_COMPLETED',
        'TRAINING_FAILED',
        'STARTING',
        'RUNNING',
        'FAILED',
        'STOPPING',
        'STOPPED',
        'DELETING',
        'COPYING_IN_PROGRESS',
        'COPYING_COMPLETED',
        'COPYING_FAILED',
        'DEPRECATED',
        'EXPIRED'
    )
    or feature not in ('CUSTOM_LABELS', 'CONTENT_MODERATION')

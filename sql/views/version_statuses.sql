-- What the statuses of a model version say, for every mart that asks.
-- grain: one row per status that the API is known to give
-- columns:
--   status: The status, as it stands in project_versions.
--   is_trained: Whether a version with it was trained to the end; of a copy, its source was.
--   is_started: Whether the model is up, or on its way there or back.
select
    status,
    is_trained,
    is_started,
from (
    values
        ('TRAINING_IN_PROGRESS', false, false),
        ('TRAINING_COMPLETED', true, false),
        ('TRAINING_FAILED', false, false),
        ('STARTING', true, true),
        ('RUNNING', true, true),
        ('FAILED', true, false),
        ('STOPPING', true, true),
        ('STOPPED', true, false),
        ('DELETING', false, false),
        ('COPYING_IN_PROGRESS', false, false),
        ('COPYING_COMPLETED', false, false),
        ('COPYING_FAILED', false, false),
        ('DEPRECATED', true, false),
        ('EXPIRED', true, false)
) as statuses (status, is_trained, is_started)

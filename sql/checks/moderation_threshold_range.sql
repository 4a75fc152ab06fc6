-- The confidence threshold of an adapter lies in 0 to 100.
-- severity: error
select
    project_version_arn,
    status,
    moderation_confidence_threshold
from main.project_versions
where moderation_confidence_threshold not between 0 and 100

-- Every project's status, feature and auto-update is one that the API is known to give.
-- severity: warn
select
    project_arn,
    status,
    feature,
    auto_update
from main.projects
where
    status not in ('CREATING', 'CREATED', 'DELETING')
    or feature not in ('CUSTOM_LABELS', 'CONTENT_MODERATION')
    or auto_update not in ('ENABLED', 'DISABLED')

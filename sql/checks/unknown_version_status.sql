-- Every model version's status and feature is one that the API is known to give.
-- severity: warn
select
    versions.project_version_arn,
    versions.status,
    versions.feature
from main.project_versions as versions
left join main.version_statuses as known on known.status = versions.status
where
    (versions.status is not null and known.status is null)
    or versions.feature not in ('CUSTOM_LABELS', 'CONTENT_MODERATION')

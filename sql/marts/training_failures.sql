-- Trainings that failed: why, and whether a later one went well. AWS does not tell what they cost.
-- grain: one row per model version with status TRAINING_FAILED
-- columns:
--   account_id: AWS account that owns the version.
--   region: AWS region the version was listed in.
--   project_name: Name of the project.
--   version_name: Name of the version.
--   failed_at: When training ended; when it was asked for, if the API gives no end.
--   days_ago: Whole days since failed_at.
--   error_code: First ERROR_... code in the message; null where there is none.
--   status_message: The service's words on the failure.
--   has_later_success: Whether a version of the same project, asked for later, was trained to the end.
--   created_at: When training was asked for.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; the key.
with last_successes as (
    select
        versions.project_arn,
        max(versions.created_at) as succeeded_at,
    from main.project_versions as versions
    inner join main.version_statuses as statuses on statuses.status = versions.status
    where
        versions.source_project_version_arn is null
        and statuses.is_trained
    group by versions.project_arn
),

failures as (
    select
        *,
        coalesce(training_ended_at, created_at) as failed_at,
    from main.project_versions
    where status = 'TRAINING_FAILED'
)

select
    failures.account_id,
    failures.region,
    failures.project_name,
    failures.version_name,
    failures.failed_at,
    floor((epoch(clock.now_at) - epoch(failures.failed_at)) / 86400)::bigint as days_ago,
    nullif(regexp_extract(failures.status_message, '\bERROR_[A-Z0-9_]+'), '') as error_code,
    failures.status_message,
    coalesce(last_successes.succeeded_at > failures.created_at, false) as has_later_success,
    failures.created_at,
    failures.project_arn,
    failures.project_version_arn,
from failures
cross join main.clock as clock
left join last_successes on last_successes.project_arn = failures.project_arn

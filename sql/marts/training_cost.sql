-- What training cost, by month and project. Only billable seconds count, and copies are not billed.
-- grain: one row per UTC month and project with billed training
-- columns:
--   month: First day of the UTC month in which training ended, or in which the version was created where the API gives
--     no end; null where it gives neither.
--   account_id: AWS account that owns the project.
--   region: AWS region of the project.
--   project_name: Name of the project.
--   version_count: Versions for which the API reports billable seconds (including 0).
--   failed_version_count: Versions among them whose training failed.
--   billable_training_hours: Billed training hours, with those of failed versions.
--   training_cost: Price of those hours.
--   currency: Currency of training_cost.
--   project_arn: ARN of the project; with month the key.
with billed as (
    select
        account_id,
        region,
        project_arn,
        project_name,
        status,
        -- the month of UTC, whatever time zone the reader's session is in
        date_trunc('month', coalesce(training_ended_at, created_at) at time zone 'UTC')::date as month,
        billable_training_seconds / 3600 as hours,
    from main.project_versions
    where
        billable_training_seconds is not null
        and source_project_version_arn is null
),

totals as (
    select
        month,
        account_id,
        region,
        project_arn,
        max(project_name) as project_name,
        count(*) as version_count,
        count(*) filter (where status = 'TRAINING_FAILED') as failed_version_count,
        sum(hours) as hours,
    from billed
    group by month, account_id, region, project_arn
)

select
    totals.month,
    totals.account_id,
    totals.region,
    totals.project_name,
    totals.version_count,
    totals.failed_version_count,
    totals.hours as billable_training_hours,
    totals.hours * prices.training_hour as training_cost,
    prices.currency,
    totals.project_arn,
from totals
cross join main.prices as prices

-- Every project at a glance: its versions, the best and the latest of them, what training has cost.
-- grain: one row per project, with or without versions
-- columns:
--   account_id: AWS account that owns the project.
--   region: AWS region the project was listed in.
--   project_name: Name of the project.
--   feature: CUSTOM_LABELS or CONTENT_MODERATION; the API's absent value is filled with CUSTOM_LABELS.
--   status: Status of the project.
--   created_at: When the project was created.
--   dataset_count: Datasets of the project.
--   version_count: Versions of the project, in any status.
--   trained_version_count: Versions trained in this project to the end; copies are left out.
--   failed_version_count: Versions whose training failed; mart training_failures lists them.
--   copied_version_count: Versions copied into this project.
--   running_version_count: Versions with status RUNNING.
--   best_version_name: Version with the highest F1; the earliest of them on a tie.
--   best_f1_score: F1 of the best version.
--   latest_version_name: Version created last.
--   latest_version_status: Status of the latest version.
--   latest_f1_score: F1 of the latest version; null when it has none (yet).
--   latest_scored_version_name: Version created last among those that have an F1.
--   f1_score_change: F1 of the latest scored version minus that of the scored version before it.
--   last_training_ended_at: When training last ended in this project; copies are left out.
--   days_since_last_training: Whole days since last_training_ended_at.
--   billable_training_hours: Billed training hours of the versions trained here; copies are left out.
--   training_cost: Price of those hours.
--   currency: Currency of training_cost.
--   project_arn: ARN of the project; the key.
with versions as (
    select
        versions.*,
        coalesce(statuses.is_trained, false) as is_trained,
        versions.source_project_version_arn is not null as is_copy,
        -- compares by age; the name, which a project has once, decides between versions of the same instant
        row(coalesce(versions.created_at, 'epoch'::timestamptz), versions.version_name) as age_order,
    from main.project_versions as versions
    left join main.version_statuses as statuses on statuses.status = versions.status
),

version_totals as (
    -- arg_max and arg_min find the latest and the best in one pass; a struct keeps null names
    select
        project_arn,
        count(*) as version_count,
        count(*) filter (where is_trained and not is_copy) as trained_version_count,
        count(*) filter (where status = 'TRAINING_FAILED') as failed_version_count,
        count(*) filter (where is_copy) as copied_version_count,
        count(*) filter (where status = 'RUNNING') as running_version_count,
        arg_max({'name': version_name, 'status': status, 'f1_score': f1_score}, age_order) as latest,
        arg_min({'name': version_name, 'f1_score': f1_score}, row(-f1_score, age_order))
            filter (where f1_score is not null) as best,
        arg_max({'name': version_name, 'f1_score': f1_score}, age_order, 2)
            filter (where f1_score is not null) as latest_scored,
        max(training_ended_at) filter (where not is_copy) as last_training_ended_at,
        sum(billable_training_seconds) filter (where not is_copy) / 3600 as billable_training_hours,
    from versions
    group by project_arn
),

dataset_counts as (
    select
        project_arn,
        count(*) as dataset_count,
    from main.datasets
    group by project_arn
)

select
    projects.account_id,
    projects.region,
    projects.project_name,
    coalesce(projects.feature, 'CUSTOM_LABELS') as feature,
    projects.status,
    projects.created_at,
    coalesce(dataset_counts.dataset_count, 0) as dataset_count,
    coalesce(version_totals.version_count, 0) as version_count,
    coalesce(version_totals.trained_version_count, 0) as trained_version_count,
    coalesce(version_totals.failed_version_count, 0) as failed_version_count,
    coalesce(version_totals.copied_version_count, 0) as copied_version_count,
    coalesce(version_totals.running_version_count, 0) as running_version_count,
    version_totals.best.name as best_version_name,
    version_totals.best.f1_score as best_f1_score,
    version_totals.latest.name as latest_version_name,
    version_totals.latest.status as latest_version_status,
    version_totals.latest.f1_score as latest_f1_score,
    version_totals.latest_scored[1].name as latest_scored_version_name,
    version_totals.latest_scored[1].f1_score - version_totals.latest_scored[2].f1_score as f1_score_change,
    version_totals.last_training_ended_at,
    floor((epoch(clock.now_at) - epoch(version_totals.last_training_ended_at)) / 86400)::bigint
        as days_since_last_training,
    coalesce(version_totals.billable_training_hours, 0) as billable_training_hours,
    coalesce(version_totals.billable_training_hours, 0) * prices.training_hour as training_cost,
    prices.currency,
    projects.project_arn,
from main.projects as projects
cross join main.prices as prices
cross join main.clock as clock
left join version_totals on version_totals.project_arn = projects.project_arn
left join dataset_counts on dataset_counts.project_arn = projects.project_arn

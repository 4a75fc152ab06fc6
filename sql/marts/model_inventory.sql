-- Every model version with what people ask of it: state, quality, cost, manifests, origin, age.
-- grain: one row per model version
-- columns:
--   account_id: AWS account that owns the version.
--   region: AWS region the version was listed in.
--   project_name: Name of the project.
--   version_name: Name of the version.
--   feature: CUSTOM_LABELS or CONTENT_MODERATION; the API's absent value is filled with CUSTOM_LABELS.
--   status: Status of the version, as the API gives it.
--   is_running: Whether the status is RUNNING, so that inference units are being billed.
--   f1_score: Aggregate F1 over the test set, 0 to 1; null when there is no evaluation.
--   created_at: When training (or copying) was asked for.
--   training_ended_at: When training ended.
--   training_minutes: Minutes from created_at to training_ended_at; not what is billed. Null for a copy.
--   billable_training_hours: Training hours as the API gives them, from its billable seconds.
--   training_cost: Price of those hours; 0 for a copy, because its training was billed to its source.
--   currency: Currency of training_cost.
--   min_inference_units: Inference units the model was last started with; null if it never was.
--   max_inference_units: Inference units the service may scale to; null if auto-scaling is off.
--   training_input_count: Manifests given for training.
--   training_output_count: Manifests the service wrote of the training.
--   training_validation_count: Training manifests with the errors found in them.
--   testing_input_count: Manifests given for testing.
--   testing_output_count: Manifests the service wrote of the testing.
--   testing_validation_count: Testing manifests with the errors found in them.
--   is_copy: Whether the version was copied from another one.
--   copied_from_project_name: Name of the project it was copied from; null if it was trained here.
--   copied_from_version_name: Name of the version it was copied from; null if it was trained here.
--   source_project_version_arn: ARN of the version it was copied from; null if it was trained here.
--   age_days: Whole days since created_at.
--   status_message: The service's words on the status.
--   version_description: What its makers wrote of the version.
--   base_model_version: Base model an adapter was trained on (adapters only).
--   kms_key_id: Customer-managed KMS key that encrypts training results.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; the key.
with asset_counts as (
    -- only for versions whose own counts are null: counting anew takes most of the time
    select
        assets.project_version_arn,
        count(*) filter (where assets.data_result = 'training' and assets.stage = 'input') as training_input_count,
        count(*) filter (where assets.data_result = 'training' and assets.stage = 'output') as training_output_count,
        count(*) filter (where assets.data_result = 'training' and assets.stage = 'validation') as training_validation_count,
        count(*) filter (where assets.data_result = 'testing' and assets.stage = 'input') as testing_input_count,
        count(*) filter (where assets.data_result = 'testing' and assets.stage = 'output') as testing_output_count,
        count(*) filter (where assets.data_result = 'testing' and assets.stage = 'validation') as testing_validation_count,
    from main.version_assets as assets
    semi join (from main.project_versions where training_input_count is null) as uncounted
        on uncounted.project_version_arn = assets.project_version_arn
    group by assets.project_version_arn
)

select
    versions.account_id,
    versions.region,
    versions.project_name,
    versions.version_name,
    coalesce(versions.feature, 'CUSTOM_LABELS') as feature,
    versions.status,
    coalesce(versions.status = 'RUNNING', false) as is_running,
    versions.f1_score,
    versions.created_at,
    versions.training_ended_at,
    case
        when versions.source_project_version_arn is null
            then (epoch(versions.training_ended_at) - epoch(versions.created_at)) / 60
    end as training_minutes,
    versions.billable_training_seconds / 3600 as billable_training_hours,
    case
        when versions.source_project_version_arn is not null then 0
        else versions.billable_training_seconds / 3600 * prices.training_hour
    end as training_cost,
    prices.currency,
    versions.min_inference_units,
    versions.max_inference_units,
    coalesce(versions.training_input_count, asset_counts.training_input_count, 0) as training_input_count,
    coalesce(versions.training_output_count, asset_counts.training_output_count, 0) as training_output_count,
    coalesce(versions.training_validation_count, asset_counts.training_validation_count, 0) as training_validation_count,
    coalesce(versions.testing_input_count, asset_counts.testing_input_count, 0) as testing_input_count,
    coalesce(versions.testing_output_count, asset_counts.testing_output_count, 0) as testing_output_count,
    coalesce(versions.testing_validation_count, asset_counts.testing_validation_count, 0) as testing_validation_count,
    versions.source_project_version_arn is not null as is_copy,
    nullif(regexp_extract(versions.source_project_version_arn, ':project/([^/]+)/', 1), '')
        as copied_from_project_name,
    nullif(regexp_extract(versions.source_project_version_arn, ':project/[^/]+/version/([^/]+)/', 1), '')
        as copied_from_version_name,
    versions.source_project_version_arn,
    floor((epoch(clock.now_at) - epoch(versions.created_at)) / 86400)::bigint as age_days,
    versions.status_message,
    versions.version_description,
    versions.base_model_version,
    versions.kms_key_id,
    versions.project_arn,
    versions.project_version_arn,
from main.project_versions as versions
cross join main.prices as prices
cross join main.clock as clock
left join asset_counts on asset_counts.project_version_arn = versions.project_version_arn

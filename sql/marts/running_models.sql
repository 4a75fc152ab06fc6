-- Models that run now, and what they cost while they do. The API does not say when a model was started.
-- grain: one row per model version that is STARTING, RUNNING or STOPPING
-- columns:
--   account_id: AWS account that owns the version, and pays.
--   region: AWS region the version was listed in.
--   project_name: Name of the project.
--   version_name: Name of the version.
--   status: STARTING, RUNNING or STOPPING.
--   inference_units: Inference units it was started with, which are billed at the least; null if not given.
--   max_inference_units: Inference units the service may scale to; null if auto-scaling is off.
--   cost_per_hour: Price of an hour at inference_units.
--   cost_per_day: Price of 24 hours at inference_units.
--   max_cost_per_day: Price of 24 hours at max_inference_units; as cost_per_day without auto-scaling.
--   currency: Currency of the costs.
--   running_days_at_most: Upper bound of the days it has run: days since it was created and trained, because
--     it cannot have been started before; null where neither instant is known.
--   f1_score: Aggregate F1 over the test set, 0 to 1.
--   created_at: When training (or copying) was asked for.
--   training_ended_at: When training ended.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; the key.
select
    versions.account_id,
    versions.region,
    versions.project_name,
    versions.version_name,
    versions.status,
    versions.min_inference_units as inference_units,
    versions.max_inference_units,
    versions.min_inference_units::double * prices.inference_unit_hour as cost_per_hour,
    versions.min_inference_units::double * prices.inference_unit_hour * 24 as cost_per_day,
    coalesce(versions.max_inference_units, versions.min_inference_units)::double * prices.inference_unit_hour * 24
        as max_cost_per_day,
    prices.currency,
    -- greatest() passes over nulls
    (epoch(clock.now_at) - epoch(greatest(versions.created_at, versions.training_ended_at))) / 86400
        as running_days_at_most,
    versions.f1_score,
    versions.created_at,
    versions.training_ended_at,
    versions.project_arn,
    versions.project_version_arn
from main.project_versions as versions
cross join main.prices as prices
cross join main.clock as clock
where versions.status in ('STARTING', 'RUNNING', 'STOPPING')

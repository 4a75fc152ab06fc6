-- Models that run now, since when, and what they cost while they do. The API does not say when a model was started;
-- syncs do, to the time between them.
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
--   running_since: When a sync first saw it up; every listing from then on did. It may have been started after the
--     listing before.
--   last_seen_not_running_at: The last listing before running_since that saw it in another status; where the records
--     of those listings are gone, when it was first seen in that status. Null if it was never seen in another one.
--   running_days_at_least: Days from running_since to the listing that the lake's rows come from: 0 at the first
--     sight. A stop and a start between two listings are not seen.
--   running_days_at_most: Days since last_seen_not_running_at, or since it was created and trained if that is later,
--     because it cannot have been started before; null where none of these is known.
--   f1_score: Aggregate F1 over the test set, 0 to 1.
--   created_at: When training (or copying) was asked for.
--   training_ended_at: When training ended.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; the key.
with states as (
    select
        history.account_id,
        history.region,
        history.project_arn,
        history.project_version_arn,
        history.valid_from,
        history.valid_to,
        coalesce(statuses.is_started, false) as is_started,
        -- a state without a status proves nothing
        history.status is not null and not coalesce(statuses.is_started, false) as is_other,
    from history.project_versions as history
    -- named here and below: a CTE that is read twice can hang DuckDB 2.0 under a limit
    semi join (
        select versions.project_version_arn
        from main.project_versions as versions
        inner join main.version_statuses as statuses on statuses.status = versions.status
        where statuses.is_started
    ) as running on running.project_version_arn = history.project_version_arn
    left join main.version_statuses as statuses on statuses.status = history.status
),

ordered as (
    select
        *,
        -- a version that was away is not known to have run on
        is_started and lag(is_started) over life and lag(valid_to) over life = valid_from as goes_on,
    from states
    -- a version stays in its project; with it named here and below, a question about one project reads no other
    window life as (partition by project_arn, project_version_arn order by valid_from)
),

stretches as (
    -- the version runs now, so its last stretch is the present one
    select
        project_arn,
        project_version_arn,
        any_value(account_id) as account_id,
        any_value(region) as region,
        max(valid_from) filter (where is_started and not coalesce(goes_on, false)) as running_since,
        max(valid_from) filter (where is_other) as other_from,
        max(valid_to) filter (where is_other) as other_to,
    from ordered
    group by project_arn, project_version_arn
),

sightings as (
    select
        stretches.project_arn,
        stretches.project_version_arn,
        any_value(stretches.running_since) as running_since,
        coalesce(max(listings.listed_at), any_value(stretches.other_from)) as last_seen_not_running_at,
    from stretches
    left join main.listings as listings
        on listings.account_id = stretches.account_id
        and listings.region = stretches.region
        and listings.listed_at >= stretches.other_from
        and listings.listed_at < least(stretches.other_to, stretches.running_since)
        and not listings.was_undone
    group by stretches.project_arn, stretches.project_version_arn
)

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
    sightings.running_since,
    sightings.last_seen_not_running_at,
    -- greatest() and least() pass over nulls
    greatest(
        epoch(coalesce(scopes.last_complete_at, sightings.running_since)) - epoch(sightings.running_since), 0
    ) / 86400 as running_days_at_least,
    (
        epoch(clock.now_at)
        - epoch(greatest(versions.created_at, versions.training_ended_at, sightings.last_seen_not_running_at))
    ) / 86400 as running_days_at_most,
    versions.f1_score,
    versions.created_at,
    versions.training_ended_at,
    versions.project_arn,
    versions.project_version_arn,
from main.project_versions as versions
inner join main.version_statuses as statuses on statuses.status = versions.status
cross join main.prices as prices
cross join main.clock as clock
left join sightings
    on sightings.project_arn = versions.project_arn
    and sightings.project_version_arn = versions.project_version_arn
left join main.scopes as scopes
    on scopes.account_id = versions.account_id
    and scopes.region = versions.region
where statuses.is_started

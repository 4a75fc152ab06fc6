-- A version has as many assets in version_assets as were counted in its description. Older versions of reklake did not
-- count.
-- severity: error
with counted as (
    select
        project_version_arn,
        training_input_count + training_output_count + training_validation_count
            + testing_input_count + testing_output_count + testing_validation_count as counted
    from main.project_versions
    where training_input_count is not null
),

present as (
    select
        project_version_arn,
        count(*) as present
    from main.version_assets
    group by project_version_arn
)

select
    counted.project_version_arn,
    counted.counted,
    coalesce(present.present, 0) as present
from counted
left join present on present.project_version_arn = counted.project_version_arn
where counted.counted <> coalesce(present.present, 0)

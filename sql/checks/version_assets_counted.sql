-- A version has as many assets in version_assets as were counted in its description, and there are none of
-- others. A version without counts is left out.
-- severity: error
with counted as (
    select
        project_version_arn,
        training_input_count + training_output_count + training_validation_count
            + testing_input_count + testing_output_count + testing_validation_count as counted,
    from main.project_versions
),

present as (
    select
        project_version_arn,
        count(*) as present,
    from main.version_assets
    group by project_version_arn
)

select
    coalesce(counted.project_version_arn, present.project_version_arn) as project_version_arn,
    counted.counted,
    coalesce(present.present, 0) as present,
from counted
full join present on present.project_version_arn = counted.project_version_arn
where
    counted.project_version_arn is null
    or counted.counted <> coalesce(present.present, 0)

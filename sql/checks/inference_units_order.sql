-- Inference units are 1 or more, and the minimum is not above the maximum.
-- severity: error
select
    project_version_arn,
    status,
    min_inference_units,
    max_inference_units,
from main.project_versions
where
    min_inference_units < 1
    or max_inference_units < 1
    or min_inference_units > max_inference_units

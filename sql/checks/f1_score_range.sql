-- F1 lies in 0 to 1.
-- severity: error
select
    project_version_arn,
    status,
    f1_score
from main.project_versions
-- not between also finds NaN, which DuckDB orders above every number
where f1_score not between 0 and 1

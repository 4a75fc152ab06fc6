-- by status
select status, count(*), avg(seconds) from marts.status_history group by status

-- entered by month and status
select date_trunc('month', entered_at), status, count(*) from marts.status_history group by all

-- newest 100
from marts.status_history order by entered_at desc limit 100

-- one project
from marts.status_history where project_arn = $project_arn

-- one version
from marts.status_history where project_version_arn = $project_version_arn order by stay_number

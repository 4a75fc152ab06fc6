-- by month
select month, sum(training_cost), sum(version_count) from marts.training_cost group by month order by month

-- one project
from marts.training_cost where project_arn = $project_arn order by month

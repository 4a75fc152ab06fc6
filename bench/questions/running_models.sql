-- cost by project
select project_name, count(*), sum(cost_per_day) from marts.running_models group by project_name

-- running longest
from marts.running_models order by running_since limit 100

-- one project
from marts.running_models where project_arn = $project_arn

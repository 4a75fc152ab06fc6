-- by project
select project_name, count(*), count(*) filter (where is_running), sum(training_cost), sum(training_input_count)
from marts.model_inventory
group by project_name

-- by status
select status, count(*), avg(f1_score), sum(training_cost) from marts.model_inventory group by status

-- newest 100
from marts.model_inventory order by created_at desc limit 100

-- one project
from marts.model_inventory where project_arn = $project_arn

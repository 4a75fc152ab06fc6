-- newest 100
from marts.training_failures order by failed_at desc limit 100

-- by error
select error_code, count(*) from marts.training_failures group by error_code

-- one project
from marts.training_failures where project_arn = $project_arn

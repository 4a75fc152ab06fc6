-- all
from marts.project_summary

-- the costliest 10
from marts.project_summary order by training_cost desc limit 10

-- one project
from marts.project_summary where project_arn = $project_arn

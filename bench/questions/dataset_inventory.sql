-- by status
select status, count(*), sum(total_entries), avg(labeled_share) from marts.dataset_inventory group by status

-- least labeled
from marts.dataset_inventory order by labeled_share limit 100

-- one project
from marts.dataset_inventory where project_arn = $project_arn

-- one project
from marts.f1_trend where project_arn = $project_arn order by sequence_number

-- new bests by month
select date_trunc('month', created_at), count(*), avg(f1_score_change) from marts.f1_trend where is_new_best group by all

-- newest 100
from marts.f1_trend order by created_at desc limit 100

-- since a week
from marts.changes where changed_at >= $since::timestamptz

-- since a week, counted by change
select table_name, change, count(*) from marts.changes where changed_at >= $since::timestamptz group by all

-- of one run
from marts.changes where run_id = $run_id

-- all, by run
select run_id, count(*) from marts.changes group by run_id

-- all, by change
select table_name, change, count(*) from marts.changes group by table_name, change

-- one version
from marts.changes where arn = $project_version_arn

-- newest 100
from marts.changes order by changed_at desc limit 100

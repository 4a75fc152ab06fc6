-- changes: of the last sync
from marts.changes where changed_at >= $since::timestamptz;
-- changes: of the last sync, counted
select table_name, change, count(*) from marts.changes where changed_at >= $since::timestamptz group by all;
-- changes: of one run
from marts.changes where run_id = $run_id;
-- changes: one version
from marts.changes where arn = $project_version_arn;
-- changes: all, by run (1500 ms)
select run_id, count(*) from marts.changes group by run_id;
-- changes: all, by change (1500 ms)
select table_name, change, count(*) from marts.changes group by table_name, change;
-- changes: all, newest 100 (1500 ms)
from marts.changes order by changed_at desc limit 100;
-- copy_lineage: by root
select root_project_version_arn, count(*) from marts.copy_lineage where is_copy group by all order by 2 desc limit 100;
-- copy_lineage: one project
from marts.copy_lineage where project_arn = $project_arn;
-- copy_lineage: copies without their source
select count(*) from marts.copy_lineage where not is_source_in_lake;
-- dataset_inventory: by status
select status, count(*), sum(total_entries), avg(labeled_share) from marts.dataset_inventory group by status;
-- dataset_inventory: least labeled
from marts.dataset_inventory order by labeled_share limit 100;
-- dataset_inventory: one project
from marts.dataset_inventory where project_arn = $project_arn;
-- f1_trend: one project
from marts.f1_trend where project_arn = $project_arn order by sequence_number;
-- f1_trend: new bests by month
select date_trunc('month', created_at), count(*), avg(f1_score_change) from marts.f1_trend where is_new_best group by all;
-- f1_trend: newest 100
from marts.f1_trend order by created_at desc limit 100;
-- manifest_usage: most used (1500 ms)
from marts.manifest_usage order by version_count desc limit 20;
-- manifest_usage: who uses it (1500 ms)
from marts.manifest_usage where key = $key;
-- manifest_usage: by bucket (1500 ms)
select bucket, count(*), sum(version_count) from marts.manifest_usage group by bucket;
-- manifest_usage: of one version (1500 ms)
from marts.manifest_usage where list_contains(project_version_arns, $project_version_arn);
-- model_inventory: by project
select project_name, count(*), count(*) filter (where is_running), sum(training_cost) from marts.model_inventory group by all;
-- model_inventory: by status
select status, count(*), avg(f1_score), sum(training_cost) from marts.model_inventory group by status;
-- model_inventory: newest 100
from marts.model_inventory order by created_at desc limit 100;
-- model_inventory: one project
from marts.model_inventory where project_arn = $project_arn;
-- project_summary: all
from marts.project_summary;
-- project_summary: costliest 10
from marts.project_summary order by training_cost desc limit 10;
-- project_summary: one project
from marts.project_summary where project_arn = $project_arn;
-- running_models: cost by project
select project_name, count(*), sum(cost_per_day) from marts.running_models group by project_name;
-- running_models: running longest
from marts.running_models order by running_since limit 100;
-- running_models: one project
from marts.running_models where project_arn = $project_arn;
-- status_history: by status
select status, count(*), avg(seconds) from marts.status_history group by status;
-- status_history: newest 100
from marts.status_history order by entered_at desc limit 100;
-- status_history: one project
from marts.status_history where project_arn = $project_arn;
-- status_history: one version
from marts.status_history where project_version_arn = $project_version_arn order by stay_number;
-- training_cost: by month
select month, sum(training_cost), sum(version_count) from marts.training_cost group by month order by month;
-- training_cost: one project
from marts.training_cost where project_arn = $project_arn order by month;
-- training_failures: newest 100
from marts.training_failures order by failed_at desc limit 100;
-- training_failures: by error
select error_code, count(*), count(*) filter (where has_later_success) from marts.training_failures group by error_code;
-- training_failures: one project
from marts.training_failures where project_arn = $project_arn;

-- by root
select root_project_version_arn, count(*) from marts.copy_lineage where is_copy group by all order by 2 desc limit 100

-- one project
from marts.copy_lineage where project_arn = $project_arn

-- copies whose source is not there
select count(*) from marts.copy_lineage where not is_source_in_lake

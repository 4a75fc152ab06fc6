-- used most
from marts.manifest_usage order by version_count desc limit 20

-- who uses it
from marts.manifest_usage where key = $key

-- by bucket
select bucket, count(*), sum(version_count) from marts.manifest_usage group by bucket

-- of one version
from marts.manifest_usage where list_contains(project_version_arns, $project_version_arn)

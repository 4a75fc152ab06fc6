-- statuses of versions
select status, count(*), max(created_at) from main.project_versions group by status

-- ARNs of versions
select sum(length(project_version_arn)) from main.project_versions

-- keys of assets
select sum(length(key)) from main.version_assets

-- versions
select count(*), min(status), max(created_at) from main.project_versions

-- versions by project
select project_arn, count(*), sum(billable_training_seconds) from main.project_versions group by project_arn

-- assets by version
select count(*), min(project_version_arn) from main.version_assets

-- keys of assets
select count(*), max(length(key)) from main.version_assets

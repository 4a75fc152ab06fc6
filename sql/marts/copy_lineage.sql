-- Where copied versions come from, over any number of copies, accounts and regions.
-- A version has one source, so walking down from the roots ends; versions that copy each other in a circle
-- (the service should not allow it) have no root, are not walked, and stand here with a null root.
-- grain: one row per model version that is a copy or was copied
-- columns:
--   account_id: AWS account that owns the version.
--   region: AWS region the version was listed in.
--   project_name: Name of the project.
--   version_name: Name of the version.
--   is_copy: Whether the version is a copy.
--   copy_count: Versions in the lake that were copied from this one directly.
--   depth: Copies between the root and this version; 0 for a root, null in a circle.
--   root_project_version_arn: ARN at the top: the trained version, or a source that is not in the lake; null
--     in a circle.
--   source_project_version_arn: ARN of the version it was copied from; null for a root.
--   is_source_in_lake: Whether that source is in the lake (it may be deleted, or in an account not synced);
--     null for a root.
--   path: ARNs from the root down to this version; null in a circle.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; the key.
with recursive copies as materialized (
    select distinct
        project_version_arn,
        source_project_version_arn,
    from main.project_versions
    where source_project_version_arn is not null
),

copy_counts as (
    select
        source_project_version_arn as project_version_arn,
        count(*) as copy_count,
    from copies
    group by source_project_version_arn
),

walk as (
    -- roots: copied from, and not a copy of something the lake knows
    select
        copy_counts.project_version_arn,
        copy_counts.project_version_arn as root_project_version_arn,
        0 as depth,
        [copy_counts.project_version_arn] as path,
    from copy_counts
    anti join copies on copies.project_version_arn = copy_counts.project_version_arn

    union all

    select
        copies.project_version_arn,
        walk.root_project_version_arn,
        walk.depth + 1 as depth,
        list_append(walk.path, copies.project_version_arn) as path,
    from walk
    inner join copies on copies.source_project_version_arn = walk.project_version_arn
),

members as (
    select project_version_arn from copies
    union
    select project_version_arn from copy_counts
),

present as (
    select
        versions.account_id,
        versions.region,
        versions.project_name,
        versions.version_name,
        versions.source_project_version_arn,
        versions.project_arn,
        versions.project_version_arn,
    from main.project_versions as versions
    semi join members on members.project_version_arn = versions.project_version_arn
)

select
    present.account_id,
    present.region,
    present.project_name,
    present.version_name,
    present.source_project_version_arn is not null as is_copy,
    coalesce(copy_counts.copy_count, 0) as copy_count,
    walk.depth,
    walk.root_project_version_arn,
    present.source_project_version_arn,
    case
        when present.source_project_version_arn is not null then sources.project_version_arn is not null
    end as is_source_in_lake,
    walk.path,
    present.project_arn,
    present.project_version_arn,
from present
left join walk on walk.project_version_arn = present.project_version_arn
left join copy_counts on copy_counts.project_version_arn = present.project_version_arn
left join main.project_versions as sources on sources.project_version_arn = present.source_project_version_arn

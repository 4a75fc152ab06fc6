-- What appeared, changed or went between two listings of a scope, in all tables, by run. A row that came back has
-- appeared again. What came and went between two listings was not seen. Counts of a version's manifests are left out:
-- the manifests themselves are reported.
-- grain: one row per row that appeared or went and, of one that changed, per changed column
-- columns:
--   changed_at: When the listing ended that first saw it so.
--   run_id: The first run that published that listing; null when its record is no longer kept.
--   account_id: AWS account that owns the row.
--   region: AWS region the row was listed in.
--   table_name: Table of the row, such as project_versions.
--   project_name: Name of the project, parsed out of the ARN.
--   version_name: Name of the version, parsed out of the ARN; null where the row is about none.
--   item: Place of a manifest, such as training/input/0, key of a tag or name of a policy; null in the other tables.
--   change: appeared, changed or went.
--   is_first_listing: Whether it was found by the first listing of its scope, so that it may have been there for long.
--   column_name: Column that changed; null where the row appeared or went.
--   value_before: Its value before, as text; instants are in UTC.
--   value_after: Its value since, as text; instants are in UTC.
--   arn: ARN of the project, dataset or version that the row is about or belongs to.
with row_changes as (
    -- a select a table, made from the declarations: each state that ended, with the state that follows it
    $row_changes
),

changes as (
    select
        * exclude (differences),
        unnest(differences) as difference,
    from row_changes
),

instants as (
    -- a listing may have found nothing, so the records count too; whatever a listing finds belongs to a project
    select
        account_id,
        region,
        instant,
        max(run_id) as run_id,
        instant = min(instant) over (partition by account_id, region) as is_first,
    from (
        select account_id, region, min(valid_from) as instant, null as run_id
        from history.projects
        group by account_id, region
        union all
        select account_id, region, listed_at as instant, run_id from main.listings
    )
    group by account_id, region, instant
)

select
    changes.changed_at,
    instants.run_id,
    changes.account_id,
    changes.region,
    changes.table_name,
    -- arn:aws:rekognition:REGION:ACCOUNT:project/NAME, with /version/NAME where it is a version's
    nullif(string_split(changes.arn, '/')[2], '') as project_name,
    case
        when
            changes.table_name in ('project_versions', 'version_assets')
            or (changes.table_name = 'resource_tags' and string_split(changes.arn, '/')[3] = 'version')
            then nullif(string_split(changes.arn, '/')[4], '')
    end as version_name,
    changes.item,
    changes.change,
    coalesce(instants.is_first, false) as is_first_listing,
    changes.difference.column_name as column_name,
    changes.difference.value_before as value_before,
    changes.difference.value_after as value_after,
    changes.arn,
from changes
left join instants
    on instants.account_id = changes.account_id
    and instants.region = changes.region
    and instants.instant = changes.changed_at
where changes.change <> 'changed' or changes.difference is not null

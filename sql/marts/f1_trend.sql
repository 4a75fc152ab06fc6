-- How each project's F1 moved from version to version. Versions without an F1 are left out.
-- grain: one row per model version that has an F1
-- columns:
--   account_id: AWS account that owns the version.
--   region: AWS region the version was listed in.
--   project_name: Name of the project.
--   version_name: Name of the version.
--   sequence_number: Place among the project's versions with an F1, oldest first, from 1; by name where they are of the
--     same instant.
--   created_at: When training (or copying) was asked for; the order within the project.
--   status: Status of the version.
--   f1_score: Aggregate F1 over the test set, 0 to 1.
--   f1_score_change: f1_score minus that of the version before; null for the first one.
--   best_f1_score: Highest F1 of the project up to this version.
--   is_new_best: Whether the version is better than every one before it (a tie is not).
--   is_copy: Whether the version was copied from another one, and its F1 with it.
--   project_arn: ARN of the project.
--   project_version_arn: ARN of the version; the key.
with ordered as (
    select
        account_id,
        region,
        project_name,
        version_name,
        created_at,
        status,
        f1_score,
        source_project_version_arn is not null as is_copy,
        project_arn,
        project_version_arn,
        row_number() over by_age as sequence_number,
        lag(f1_score) over by_age as previous_f1_score,
        -- with this one's, the best so far: one frame does for both
        max(f1_score) over (by_age rows between unbounded preceding and 1 preceding) as earlier_best_f1_score,
    from main.project_versions
    where f1_score is not null
    -- the name, which a project has once, decides between versions of the same instant: the order is always the same
    window by_age as (partition by project_arn order by created_at nulls first, version_name)
)

select
    account_id,
    region,
    project_name,
    version_name,
    sequence_number,
    created_at,
    status,
    f1_score,
    f1_score - previous_f1_score as f1_score_change,
    -- greatest() passes over nulls
    greatest(earlier_best_f1_score, f1_score) as best_f1_score,
    earlier_best_f1_score is null or f1_score > earlier_best_f1_score as is_new_best,
    is_copy,
    project_arn,
    project_version_arn,
from ordered

-- How each part of a scope ended that a run asked about resource by resource: datasets (DescribeDataset), tags
-- (ListTagsForResource) and policies (ListProjectPolicies). A part that did not complete keeps its last rows.
-- grain: one row per run, scope (account and region) and part
-- columns:
--   run_id: Identifier of the run.
--   account_id: AWS account that was asked.
--   region: AWS region that was asked.
--   part: datasets, tags or policies.
--   outcome: complete, failed, or skipped (not asked for by name, and not permitted).
--   error_kind: One word on why it did not complete, such as denied; null otherwise.
--   error: Why it did not complete, in a sentence; null otherwise.
with records as (
    select from_json(record, '{
        "run_id": "VARCHAR",
        "scopes": [{
            "account_id": "VARCHAR",
            "region": "VARCHAR",
            "parts": [{
                "part": "VARCHAR",
                "outcome": "VARCHAR",
                "error_kind": "VARCHAR",
                "error": "VARCHAR"
            }]
        }]
    }') as run
    from main.run_files
    where record is not null
),

scopes as (
    select
        run.run_id as run_id,
        unnest(run.scopes) as scope
    from records
),

asked as (
    select
        run_id,
        scope.account_id as account_id,
        scope.region as region,
        unnest(scope.parts) as part
    from scopes
)

select
    run_id,
    account_id,
    region,
    part.part as part,
    part.outcome as outcome,
    part.error_kind as error_kind,
    part.error as error
from asked

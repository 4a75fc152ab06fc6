-- How each detail of a scope ended that a run asked about resource by resource: datasets (DescribeDataset), tags
-- (ListTagsForResource) and policies (ListProjectPolicies). A detail that did not complete keeps its last rows.
-- grain: one row per run, scope (account and region) and detail
-- columns:
--   run_id: Identifier of the run.
--   account_id: AWS account that was asked.
--   region: AWS region that was asked.
--   detail: Its name, as in --with.
--   outcome: complete, failed, or skipped (not asked for by name, and not permitted).
--   error_kind: One word on why it did not complete, such as denied; null otherwise.
--   error: Why it did not complete, in a sentence; null otherwise.
with asked as (
    select
        run_id,
        account_id,
        region,
        unnest(details) as detail
    from main.run_rows
)

select
    run_id,
    account_id,
    region,
    detail.detail as detail,
    detail.outcome as outcome,
    detail.error_kind as error_kind,
    detail.error as error
from asked

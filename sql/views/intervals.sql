-- Every state of every row in all histories, without its values: the row's key, and how long it was so.
-- grain: one row per row of a table and state it was seen in
-- columns:
--   table_name: Table of the row, such as project_versions.
--   account_id: AWS account that owns the row.
--   region: AWS region the row was listed in.
--   arn: ARN of the project, dataset or version that the row is about or, a manifest, tag or policy, belongs to.
--   item: Place of a manifest, such as training/input/0, key of a tag or name of a policy; null in the other tables.
--   valid_from: When a sync first saw the row in this state (inclusive).
--   valid_to: When a sync first saw it otherwise, or gone (exclusive); null if it is still so.
with states as (
    -- a select a table, made from the declarations
    $intervals
)

select
    table_name,
    account_id,
    region,
    arn,
    item,
    valid_from,
    valid_to,
from states

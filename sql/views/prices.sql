-- The prices that costs are computed with. They are settings, because AWS's prices differ by region.
-- grain: one row
-- columns:
--   training_hour: Price of one billed training hour.
--   inference_unit_hour: Price of one inference unit running for one hour.
--   currency: Currency of both prices.
select
    $training_hour::double as training_hour,
    $inference_unit_hour::double as inference_unit_hour,
    $currency as currency

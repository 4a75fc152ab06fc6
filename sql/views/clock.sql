-- The instant that every age and "days ago" is counted to; the only place that asks for the time.
-- grain: one row
-- columns:
--   now_at: The present instant.
select now() as now_at

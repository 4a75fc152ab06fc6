-- The run records that stand in no Parquet file of a day yet (and for a while some that do), as they lie in the lake.
-- Read as text, because read_json fails on an empty folder.
-- grain: one row per JSON file in the lake's runs folder
-- columns:
--   file: Path of the file.
--   content: Text of the file.
--   record: The same as JSON; null when the text is not a JSON object.
select
    filename as file,
    content,
    -- an object is told by its first character, so that the text is parsed once
    case when regexp_matches(content, '^\s*\{') then try_cast(content as json) end as record
from read_text($run_records)

-- Every run record is a JSON object; what is in others does not count in runs and scopes.
-- severity: error
select
    file,
    left(content, 80) as starts_with,
from main.run_files
where record is null

-- Each dataset stands once in dataset_statistics: the key is unique.
-- severity: error
-- when: on demand
select
    dataset_arn,
    count(*) as row_count
from main.dataset_statistics
group by dataset_arn
having count(*) > 1

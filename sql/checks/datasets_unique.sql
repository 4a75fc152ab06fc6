-- Each dataset stands once in datasets: the key is unique.
-- severity: error
-- when: on demand
select
    dataset_arn,
    count(*) as row_count
from main.datasets
group by dataset_arn
having count(*) > 1

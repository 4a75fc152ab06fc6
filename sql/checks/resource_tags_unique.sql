-- Each tag of a resource stands once in resource_tags: the key is unique.
-- severity: error
-- when: on demand
select
    resource_arn,
    tag_key,
    count(*) as row_count
from main.resource_tags
group by resource_arn, tag_key
having count(*) > 1

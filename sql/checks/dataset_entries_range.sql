-- Counts of a dataset's images and labels are not negative, and no more images are labeled or faulty than there are.
-- severity: error
select
    dataset_arn,
    labeled_entries,
    error_entries,
    total_entries,
    total_labels,
from main.dataset_statistics
where
    least(labeled_entries, error_entries, total_entries, total_labels) < 0
    or labeled_entries > total_entries
    or error_entries > total_entries

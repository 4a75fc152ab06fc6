-- Every dataset's type, status and message code is one that the API is known to give.
-- severity: warn
with statuses as (
    select 'datasets' as table_name, dataset_arn, dataset_type, status, status_message_code from main.datasets
    union all
    select 'dataset_statistics' as table_name, dataset_arn, null as dataset_type, status, status_message_code
    from main.dataset_statistics
)

select
    table_name,
    dataset_arn,
    dataset_type,
    status,
    status_message_code
from statuses
where
    dataset_type not in ('TRAIN', 'TEST')
    or status not in (
        'CREATE_IN_PROGRESS',
        'CREATE_COMPLETE',
        'CREATE_FAILED',
        'UPDATE_IN_PROGRESS',
        'UPDATE_COMPLETE',
        'UPDATE_FAILED',
        'DELETE_IN_PROGRESS'
    )
    or status_message_code not in ('SUCCESS', 'SERVICE_ERROR', 'CLIENT_ERROR')

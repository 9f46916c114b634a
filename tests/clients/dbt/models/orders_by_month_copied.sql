{{ config(
    materialized='incremental',
    incremental_strategy='insert_overwrite',
    partition_by={'field': 'month', 'data_type': 'date', 'granularity': 'month', 'copy_partitions': true},
) }}
select * from {{ ref('stg_orders_by_month') }}
{% if is_incremental() %}
where month >= date_sub(date '{{ var("until") }}', interval 1 month)
{% endif %}

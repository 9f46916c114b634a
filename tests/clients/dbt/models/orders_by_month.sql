{{ config(
    materialized='incremental',
    incremental_strategy='insert_overwrite',
    partition_by={'field': 'month', 'data_type': 'date', 'granularity': 'month'},
) }}
select date_trunc(ordered_on, month) as month, count(*) as orders, sum(amount) as amount
from {{ ref('stg_orders') }}
{% if is_incremental() %}
where date_trunc(ordered_on, month) >= date_sub(date '{{ var("until") }}', interval 1 month)
{% endif %}
group by 1

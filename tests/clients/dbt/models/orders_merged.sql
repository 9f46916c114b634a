{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='order_id',
    partition_by={'field': 'ordered_on', 'data_type': 'date'},
    on_schema_change='append_new_columns',
) }}
select * {% if is_incremental() %}, 'second run' as note {% endif %}
from {{ ref('stg_orders') }}
{% if is_incremental() %}
where ordered_at > (select max(ordered_at) from {{ this }}) or order_id = 11
{% endif %}

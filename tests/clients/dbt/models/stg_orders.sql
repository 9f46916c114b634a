{{ config(materialized='view') }}
select id as order_id, customer_id, amount, status, ordered_at, date(ordered_at) as ordered_on
from {{ ref('orders') }}
where ordered_at < timestamp('{{ var("until") }}')

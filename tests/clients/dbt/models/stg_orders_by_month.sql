{{ config(materialized='ephemeral') }}
select date_trunc(ordered_on, month) as month, count(*) as orders, sum(amount) as amount
from {{ ref('stg_orders') }}
group by 1

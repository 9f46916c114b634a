{{ config(
    materialized='table',
    cluster_by=['country'],
    labels={'team': 'crm'},
    grants={'roles/bigquery.dataViewer': ['user:kim@example.com']},
) }}
select c.id as customer_id, c.name, c.country, coalesce(sum(o.amount), 0) as total, count(o.order_id) as orders
from {{ ref('customers') }} as c
left join {{ ref('paid_orders') }} as o on o.customer_id = c.id
group by 1, 2, 3

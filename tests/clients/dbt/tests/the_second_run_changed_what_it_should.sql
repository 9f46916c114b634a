{# One row for each thing that is wrong. #}
{% if not var('second_run', false) %}
select 'nothing to see yet' as wrong from unnest([1]) as x where x = 2
{% else %}
with found as (
  select 'merged' as what, string_agg(format('%d %s %t', order_id, status, note is null), ', ' order by order_id) as rows_found
  from {{ ref('orders_merged') }}
  union all
  select 'by month', string_agg(format('%t %d %t', month, orders, amount), ', ' order by month)
  from {{ ref('orders_by_month') }}
  union all
  select 'by month, copied', string_agg(format('%t %d %t', month, orders, amount), ', ' order by month)
  from {{ ref('orders_by_month_copied') }}
  union all
  select 'customers', string_agg(format('%d %s %t', id, country, dbt_valid_to is null), ', ' order by id, dbt_valid_from)
  from {{ ref('customers_history') }}
  union all
  select 'orders', string_agg(format('%d %s %t', id, status, dbt_valid_to is null), ', ' order by id, dbt_valid_from)
  from {{ ref('orders_history') }}
),
expected as (
  select 'merged' as what, '10 paid true, 11 paid false, 12 paid true, 13 paid false, 14 cancelled false' as rows_expected
  union all select 'by month', '2024-01-01 3 125.15, 2024-02-01 2 8.75'
  union all select 'by month, copied', '2024-01-01 3 125.15, 2024-02-01 2 8.75'
  union all select 'customers', '1 GB true, 2 US true, 3 NL false, 3 DE true'
  union all select 'orders', '10 paid false, 11 open false, 11 paid true, 12 paid true, 13 paid true, 14 cancelled true'
)
select what as wrong, rows_found, rows_expected
from found full join expected using (what)
where rows_found is distinct from rows_expected
{% endif %}

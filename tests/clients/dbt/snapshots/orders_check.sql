{% snapshot orders_history %}
{{ config(unique_key='id', strategy='check', check_cols=['status', 'amount'], hard_deletes='invalidate') }}
select * from {{ ref('orders') }}
{% endsnapshot %}

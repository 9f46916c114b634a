{# What happens between the first and the second run. #}
{% macro change_sources() %}
  {% do run_query("update " ~ ref('customers') ~ " set country = 'DE', updated_at = timestamp '2024-02-10' where id = 3") %}
  {% do run_query("update " ~ ref('orders') ~ " set status = 'paid' where id = 11") %}
  {% do run_query("delete from " ~ ref('orders') ~ " where id = 10") %}
{% endmacro %}

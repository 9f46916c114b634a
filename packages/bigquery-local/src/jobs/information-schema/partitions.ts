// PARTITIONS. Source: the page of this view in BigQuery's documentation.
import { columnsOf, type Cell, type SystemView } from './system-view.ts';
import { visibleTables } from './visible-tables.ts';

export const PARTITIONS: SystemView = {
  columns: columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, partition_id STRING,
    total_rows INT64, total_logical_bytes INT64, total_billable_bytes INT64, last_modified_time TIMESTAMP,
    storage_tier STRING`),
  qualifiers: ['dataset'],
  permission: 'bigquery.tables.list',
  rows: async (scope) => {
    const { services } = scope;
    const rows: Cell[][] = [];
    for (const { table } of visibleTables(scope)) {
      const { ref, properties, kind } = table;
      if (kind !== 'TABLE' && kind !== 'SNAPSHOT') continue;
      const partitioned = properties.timePartitioning !== undefined || properties.rangePartitioning !== undefined;
      const partitions = partitioned
        ? await services.sizes.partitions(table)
        : [{ id: null, rows: await services.sizes.rows(table), bytes: await services.sizes.bytes(table) }];
      for (const { id, rows: count, bytes } of partitions)
        rows.push([ref.projectId, ref.datasetId, ref.tableId, id, count, bytes, bytes, table.modifiedMs, 'ACTIVE']);
    }
    return rows;
  },
};

// `dataset.__TABLES__` and `dataset.__TABLES_SUMMARY__`, the meta-tables from before INFORMATION_SCHEMA.
// Google does not document them; their columns are those that its examples show.
import type { Table } from '../../catalog/tables.ts';
import { columnsOf, type Cell, type SystemView } from './system-view.ts';
import { visibleTables } from './visible-tables.ts';

const TYPES: Readonly<Record<Table['kind'], number>> = { TABLE: 1, VIEW: 2, MATERIALIZED_VIEW: 4, SNAPSHOT: 1 };

// The rule of every table that a query reads.
const base = { qualifiers: ['dataset'], permission: 'bigquery.tables.getData' } as const;

export const TABLES_META: SystemView = {
  ...base,
  columns: columnsOf(`project_id STRING, dataset_id STRING, table_id STRING, creation_time INT64,
    last_modified_time INT64, row_count INT64, size_bytes INT64, type INT64`),
  rows: async (scope) => {
    const { sizes } = scope.services;
    const rows: Cell[][] = [];
    for (const { table } of visibleTables(scope)) {
      const count = table.physicalId === undefined ? null : await sizes.rows(table);
      const bytes = table.physicalId === undefined ? null : await sizes.bytes(table);
      rows.push([...idsOf(table), table.createdMs, table.modifiedMs, count, bytes, TYPES[table.kind]]);
    }
    return rows;
  },
};

export const TABLES_SUMMARY_META: SystemView = {
  ...base,
  columns: columnsOf('project_id STRING, dataset_id STRING, table_id STRING, creation_time INT64, type INT64'),
  rows: (scope) => visibleTables(scope).map(({ table }) => [...idsOf(table), table.createdMs, TYPES[table.kind]]),
};

function idsOf({ ref }: Table): Cell[] {
  return [ref.projectId, ref.datasetId, ref.tableId];
}

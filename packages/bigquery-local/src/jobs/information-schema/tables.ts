// TABLES, TABLE_OPTIONS, VIEWS, MATERIALIZED_VIEWS and TABLE_STORAGE.
// Source: the pages of these views in BigQuery's documentation.
import type { Table } from '../../catalog/tables.ts';
import { columnsOf, structOf, type Cell, type SystemView } from './system-view.ts';
import { tableDdl, tableOptionRows } from './table-ddl.ts';
import { visibleTables } from './visible-tables.ts';

const DATASET_OR_REGION = ['dataset', 'region'] as const;
const LIST = 'bigquery.tables.list';

export const TABLES: SystemView = {
  columns: columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, table_type STRING,
    managed_table_type STRING, is_insertable_into STRING, is_fine_grained_mutations_enabled STRING, is_typed STRING,
    is_change_history_enabled STRING, creation_time TIMESTAMP, base_table_catalog STRING, base_table_schema STRING,
    base_table_name STRING, snapshot_time_ms TIMESTAMP, replica_source_catalog STRING, replica_source_schema STRING,
    replica_source_name STRING, replication_status STRING, replication_error STRING, ddl STRING,
    default_collation_name STRING, sync_status JSON, upsert_stream_apply_watermark TIMESTAMP`),
  qualifiers: DATASET_OR_REGION,
  permission: LIST,
  rows: (scope) => visibleTables(scope).map(({ table }) => tableRow(table)),
};

function tableRow(table: Table): Cell[] {
  const { ref, kind, properties } = table;
  const { snapshotDefinition, cloneDefinition } = properties;
  const base = snapshotDefinition?.baseTableReference ?? cloneDefinition?.baseTableReference;
  const time = snapshotDefinition?.snapshotTime ?? cloneDefinition?.cloneTime;
  return [
    ...idsOf(table),
    tableType(table),
    kind === 'TABLE' ? 'NATIVE' : null,
    kind === 'TABLE' ? 'YES' : 'NO',
    'NO',
    'NO',
    'NO',
    table.createdMs,
    base?.projectId ?? null,
    base?.datasetId ?? null,
    base?.tableId ?? null,
    time === undefined ? null : Date.parse(time),
    null,
    null,
    null,
    null,
    null,
    ref.datasetId.startsWith('_') ? null : tableDdl(table),
    null,
    null,
    null,
  ];
}

function tableType({ kind, properties }: Table): string {
  if (kind === 'TABLE') return properties.cloneDefinition === undefined ? 'BASE TABLE' : 'CLONE';
  return kind === 'MATERIALIZED_VIEW' ? 'MATERIALIZED VIEW' : kind;
}

function idsOf({ ref }: Table): [string, string, string] {
  return [ref.projectId, ref.datasetId, ref.tableId];
}

export const TABLE_OPTIONS: SystemView = {
  columns: columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, option_name STRING,
    option_type STRING, option_value STRING`),
  qualifiers: DATASET_OR_REGION,
  permission: LIST,
  rows: (scope) =>
    visibleTables(scope).flatMap(({ table }) =>
      tableOptionRows(table).map(({ name, type, value }) => [...idsOf(table), name, type, value]),
    ),
};

export const VIEWS: SystemView = {
  columns: columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, view_definition STRING,
    check_option STRING, use_standard_sql STRING`),
  qualifiers: DATASET_OR_REGION,
  permission: LIST,
  rows: (scope) =>
    visibleTables(scope).flatMap(({ table }) => {
      const { view, materializedView } = table.properties;
      const query = view?.query ?? materializedView?.query;
      return query === undefined ? [] : [[...idsOf(table), query, null, 'YES']];
    }),
};

export const MATERIALIZED_VIEWS: SystemView = {
  columns: [
    ...columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, last_refresh_time TIMESTAMP,
      refresh_watermark TIMESTAMP`),
    {
      name: 'last_refresh_status',
      type: structOf('reason STRING, location STRING, debug_info STRING, message STRING'),
    },
  ],
  qualifiers: DATASET_OR_REGION,
  permission: LIST,
  // Evaluated when it is read, a view is as fresh as this moment.
  rows: (scope) =>
    visibleTables(scope)
      .filter(({ table }) => table.kind === 'MATERIALIZED_VIEW')
      .map(({ table }) => [...idsOf(table), scope.services.clock(), scope.services.clock(), null]),
};

export const TABLE_STORAGE: SystemView = {
  columns: columnsOf(`project_id STRING, project_number INT64, table_catalog STRING, table_schema STRING,
    table_name STRING, creation_time TIMESTAMP, deleted BOOL, storage_last_modified_time TIMESTAMP, total_rows INT64,
    total_partitions INT64, total_logical_bytes INT64, active_logical_bytes INT64, long_term_logical_bytes INT64,
    current_physical_bytes INT64, total_physical_bytes INT64, active_physical_bytes INT64,
    long_term_physical_bytes INT64, time_travel_physical_bytes INT64, fail_safe_physical_bytes INT64,
    last_metadata_index_refresh_time TIMESTAMP, table_deletion_reason STRING, table_deletion_time TIMESTAMP`),
  qualifiers: ['region'],
  permission: LIST,
  rows: async (scope) => {
    const { services, projectId } = scope;
    const number = services.identity.projects.find(projectId)?.projectNumber ?? null;
    const rows: Cell[][] = [];
    for (const { table } of visibleTables(scope)) {
      if (table.kind !== 'TABLE' && table.kind !== 'SNAPSHOT') continue;
      const bytes = await services.sizes.bytes(table);
      const { timePartitioning, rangePartitioning } = table.properties;
      const partitioned = timePartitioning !== undefined || rangePartitioning !== undefined;
      rows.push([
        projectId,
        number,
        ...idsOf(table),
        table.createdMs,
        false,
        table.modifiedMs,
        await services.sizes.rows(table),
        partitioned ? (await services.sizes.partitions(table)).length : 0,
        bytes,
        bytes,
        0,
        // Physical sizes are DuckDB's, not BigQuery's: they are not known.
        ...Array.from({ length: 9 }, () => null),
      ]);
    }
    return rows;
  },
};

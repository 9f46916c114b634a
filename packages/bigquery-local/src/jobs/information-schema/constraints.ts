// TABLE_CONSTRAINTS, KEY_COLUMN_USAGE and CONSTRAINT_COLUMN_USAGE.
// Source: the pages of these views in BigQuery's documentation.
import type { Table } from '../../catalog/tables.ts';
import { columnsOf, type Cell, type SystemView } from './system-view.ts';
import { visibleTables } from './visible-tables.ts';

type Key = {
  readonly name: string;
  readonly type: 'PRIMARY KEY' | 'FOREIGN KEY';
  readonly columns: readonly string[];
  /** What the constraint is about: its own columns, or those that it refers to. */
  readonly used: readonly { readonly ids: readonly string[]; readonly column: string }[];
};

function keysOf({ ref, properties }: Table): Key[] {
  const { primaryKey, foreignKeys = [] } = properties.tableConstraints ?? {};
  const own = [ref.projectId, ref.datasetId, ref.tableId];
  return [
    ...(primaryKey === undefined
      ? []
      : [
          {
            name: `${ref.tableId}.pk$`,
            type: 'PRIMARY KEY' as const,
            columns: primaryKey.columns,
            used: primaryKey.columns.map((column) => ({ ids: own, column })),
          },
        ]),
    ...foreignKeys.map(({ name, referencedTable: to, columnReferences }) => ({
      name: `${ref.tableId}.${name}`,
      type: 'FOREIGN KEY' as const,
      columns: columnReferences.map((c) => c.referencingColumn),
      used: columnReferences.map((c) => ({
        ids: [to.projectId, to.datasetId, to.tableId],
        column: c.referencedColumn,
      })),
    })),
  ];
}

const base = { qualifiers: ['dataset'], permission: 'bigquery.tables.list' } as const;

export const TABLE_CONSTRAINTS: SystemView = {
  ...base,
  columns: columnsOf(`constraint_catalog STRING, constraint_schema STRING, constraint_name STRING,
    table_catalog STRING, table_schema STRING, table_name STRING, constraint_type STRING, is_deferrable STRING,
    initially_deferred STRING, enforced STRING`),
  rows: (scope) =>
    visibleTables(scope).flatMap(({ table }) =>
      keysOf(table).map(({ name, type }): Cell[] => {
        const { projectId, datasetId, tableId } = table.ref;
        return [projectId, datasetId, name, projectId, datasetId, tableId, type, 'NO', 'NO', 'NO'];
      }),
    ),
};

export const KEY_COLUMN_USAGE: SystemView = {
  ...base,
  columns: columnsOf(`constraint_catalog STRING, constraint_schema STRING, constraint_name STRING,
    table_catalog STRING, table_schema STRING, table_name STRING, column_name STRING, ordinal_position INT64,
    position_in_unique_constraint INT64`),
  rows: (scope) =>
    visibleTables(scope).flatMap(({ table }) =>
      keysOf(table).flatMap(({ name, type, columns, used }) =>
        columns.map((column, i): Cell[] => {
          const { projectId, datasetId, tableId } = table.ref;
          return [
            projectId,
            datasetId,
            name,
            projectId,
            datasetId,
            tableId,
            column,
            i + 1,
            type === 'PRIMARY KEY' ? null : positionInKey(scope, used[i]!),
          ];
        }),
      ),
    ),
};

/** The place of a referenced column in the primary key of its table. */
function positionInKey(
  { services, principal }: Parameters<SystemView['rows']>[0],
  { ids, column }: Key['used'][number],
): number | null {
  const [projectId = '', datasetId = '', tableId = ''] = ids;
  const ref = { projectId, datasetId, tableId };
  if (!services.access.decide(principal, 'bigquery.tables.get', { kind: 'table', ...ref }).allowed) return null;
  const key = services.tables.get(ref)?.properties.tableConstraints?.primaryKey;
  const index = key?.columns.findIndex((name) => name.toLowerCase() === column.toLowerCase()) ?? -1;
  return index < 0 ? null : index + 1;
}

export const CONSTRAINT_COLUMN_USAGE: SystemView = {
  ...base,
  columns: columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, column_name STRING,
    constraint_catalog STRING, constraint_schema STRING, constraint_name STRING`),
  rows: (scope) =>
    visibleTables(scope).flatMap(({ table }) =>
      keysOf(table).flatMap(({ name, used }) =>
        used.map(({ ids, column }): Cell[] => [...ids, column, table.ref.projectId, table.ref.datasetId, name]),
      ),
    ),
};

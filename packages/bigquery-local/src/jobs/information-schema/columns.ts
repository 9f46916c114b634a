// COLUMNS and COLUMN_FIELD_PATHS. Source: the pages of these views in BigQuery's documentation.
import type { FieldSchema } from '../../catalog/schema.ts';
import { ingestionTimeOf, type Table } from '../../catalog/tables.ts';
import { columnsOf, STRING, type Cell, type SystemView } from './system-view.ts';
import { typeText } from './table-ddl.ts';
import { visibleTables } from './visible-tables.ts';

const POLICY_TAGS = { name: 'policy_tags', type: { kind: 'ARRAY', element: STRING } } as const;

export const COLUMNS: SystemView = {
  columns: [
    ...columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, column_name STRING,
      ordinal_position INT64, is_nullable STRING, data_type STRING, is_generated STRING, generation_expression STRING,
      is_stored STRING, is_hidden STRING, is_updatable STRING, is_system_defined STRING, is_partitioning_column STRING,
      clustering_ordinal_position INT64, collation_name STRING, column_default STRING, rounding_mode STRING`),
    POLICY_TAGS,
  ],
  qualifiers: ['dataset', 'region'],
  permission: 'bigquery.tables.list',
  rows: (scope) => visibleTables(scope).flatMap(({ table }) => columnRows(table)),
};

function columnRows(table: Table): Cell[][] {
  const { schema, timePartitioning, rangePartitioning, clustering } = table.properties;
  const partitioning = (timePartitioning?.field ?? (rangePartitioning?.['field'] as string | undefined))?.toLowerCase();
  const clustered = clustering?.fields.map((name) => name.toLowerCase()) ?? [];
  const row = (field: FieldSchema, position: number | null, isPartitioning: boolean, pseudo: boolean): Cell[] => [
    table.ref.projectId,
    table.ref.datasetId,
    table.ref.tableId,
    field.name,
    position,
    field.mode === 'REQUIRED' ? 'NO' : 'YES',
    typeText(field),
    'NEVER',
    null,
    null,
    pseudo ? 'YES' : 'NO',
    null,
    pseudo ? 'YES' : 'NO',
    isPartitioning ? 'YES' : 'NO',
    clustered.includes(field.name.toLowerCase()) ? clustered.indexOf(field.name.toLowerCase()) + 1 : null,
    // BigQuery writes the word for these two.
    'NULL',
    field.defaultValueExpression ?? 'NULL',
    null,
    [],
  ];
  return [
    ...schema.fields.map((field, i) => row(field, i + 1, field.name.toLowerCase() === partitioning, false)),
    ...(table.kind === 'TABLE' && ingestionTimeOf(table.properties) !== undefined
      ? [
          row({ name: '_PARTITIONTIME', type: 'TIMESTAMP' }, null, true, true),
          row({ name: '_PARTITIONDATE', type: 'DATE' }, null, false, true),
        ]
      : []),
  ];
}

export const COLUMN_FIELD_PATHS: SystemView = {
  columns: [
    ...columnsOf(`table_catalog STRING, table_schema STRING, table_name STRING, column_name STRING, field_path STRING,
      data_type STRING, description STRING, collation_name STRING, rounding_mode STRING`),
    POLICY_TAGS,
  ],
  qualifiers: ['dataset', 'region'],
  permission: 'bigquery.tables.list',
  rows: (scope) =>
    visibleTables(scope).flatMap(({ table: { ref, properties } }) =>
      properties.schema.fields.flatMap((column) =>
        pathsOf(column, '').map(({ path, field }): Cell[] => [
          ref.projectId,
          ref.datasetId,
          ref.tableId,
          column.name,
          path,
          typeText(field),
          field.description ?? null,
          'NULL',
          null,
          [],
        ]),
      ),
    ),
};

function pathsOf(field: FieldSchema, before: string): { readonly path: string; readonly field: FieldSchema }[] {
  const path = `${before}${field.name}`;
  return [{ path, field }, ...(field.fields ?? []).flatMap((child) => pathsOf(child, `${path}.`))];
}

// SCHEMATA and SCHEMATA_OPTIONS. Source: the pages of these views in BigQuery's documentation.
import type { Dataset } from '../../catalog/datasets.ts';
import { describedOptions, floatLiteral, optionsClause, stringLiteral, type OptionRow } from './option-text.ts';
import { columnsOf, type SystemView } from './system-view.ts';
import { visibleDatasets } from './visible-tables.ts';

const DAY_MS = 86_400_000;

export const SCHEMATA: SystemView = {
  columns: columnsOf(`catalog_name STRING, schema_name STRING, schema_owner STRING, creation_time TIMESTAMP,
    last_modified_time TIMESTAMP, location STRING, ddl STRING, default_collation_name STRING, sync_status JSON`),
  qualifiers: ['region'],
  defaultsToUs: true,
  rows: (scope) =>
    visibleDatasets(scope).map((dataset) => [
      dataset.projectId,
      dataset.datasetId,
      null,
      dataset.createdMs,
      dataset.modifiedMs,
      dataset.location,
      `CREATE SCHEMA \`${dataset.projectId}.${dataset.datasetId}\`${optionsClause([
        ...schemaOptionRows(dataset),
        { name: 'location', type: 'STRING', value: stringLiteral(dataset.location.toLowerCase()) },
      ])};`,
      null,
      null,
    ]),
};

export const SCHEMATA_OPTIONS: SystemView = {
  columns: columnsOf(
    'catalog_name STRING, schema_name STRING, option_name STRING, option_type STRING, option_value STRING',
  ),
  qualifiers: ['region'],
  defaultsToUs: true,
  rows: (scope) =>
    visibleDatasets(scope).flatMap((dataset) =>
      schemaOptionRows(dataset).map(({ name, type, value }) => [
        dataset.projectId,
        dataset.datasetId,
        name,
        type,
        value,
      ]),
    ),
};

function schemaOptionRows({ properties }: Dataset): OptionRow[] {
  const days = (name: string, ms: string | undefined): OptionRow[] =>
    ms === undefined ? [] : [{ name, type: 'FLOAT64', value: floatLiteral(Number(ms) / DAY_MS) }];
  return [
    ...describedOptions(properties),
    ...days('default_table_expiration_days', properties.defaultTableExpirationMs),
    ...days('default_partition_expiration_days', properties.defaultPartitionExpirationMs),
    ...(properties.maxTimeTravelHours === undefined
      ? []
      : [{ name: 'max_time_travel_hours', type: 'INT64', value: properties.maxTimeTravelHours }]),
  ];
}

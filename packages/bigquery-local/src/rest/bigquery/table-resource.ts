// The Table resource: from request bodies to the catalog and back.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Dataset } from '../../catalog/datasets.ts';
import {
  nameOf,
  type ForeignKey,
  type Table,
  type TableConstraints,
  type TableProperties,
} from '../../catalog/tables.ts';
import type { Services } from '../../services.ts';
import {
  invalidField,
  optionalFlag,
  optionalInteger,
  optionalLabels,
  optionalList,
  optionalObject,
  optionalText,
} from './fields.ts';

type Body = Readonly<Record<string, unknown>>;

/** Writable metadata besides the schema and the expiration; null removes a field. */
export function parseTableMetadata(body: Body): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const key of ['friendlyName', 'description'] as const)
    if (key in body) changes[key] = optionalText(body, key) ?? null;
  if ('labels' in body) changes['labels'] = optionalLabels(body) ?? null;
  if ('timePartitioning' in body) changes['timePartitioning'] = optionalObject(body, 'timePartitioning') ?? null;
  if ('rangePartitioning' in body) changes['rangePartitioning'] = optionalObject(body, 'rangePartitioning') ?? null;
  if ('requirePartitionFilter' in body)
    changes['requirePartitionFilter'] = optionalFlag(body, 'requirePartitionFilter') ?? null;
  if ('clustering' in body) {
    const clustering = optionalObject(body, 'clustering');
    changes['clustering'] =
      clustering === undefined ? null : { fields: (optionalList(clustering, 'fields') ?? []).map(String) };
  }
  if ('tableConstraints' in body) changes['tableConstraints'] = parseConstraints(body) ?? null;
  for (const name of [
    'materializedView',
    'externalDataConfiguration',
    'snapshotDefinition',
    'cloneDefinition',
    'encryptionConfiguration',
  ]) {
    if (body[name] !== undefined && body[name] !== null)
      throw new BigQueryError('notImplemented', `Table field ${name} is not supported by the local BigQuery.`);
  }
  return changes;
}

/** TableConstraints of the REST reference: kept, never enforced. */
function parseConstraints(body: Body): TableConstraints | undefined {
  const constraints = optionalObject(body, 'tableConstraints');
  if (constraints === undefined) return undefined;
  const primaryKey = optionalObject(constraints, 'primaryKey');
  const foreignKeys = (optionalList(constraints, 'foreignKeys') ?? []).map((item, i): ForeignKey => {
    const key = item as Body;
    const table = optionalObject(key, 'referencedTable') ?? {};
    const columns = optionalList(key, 'columnReferences') ?? [];
    const required = (from: Body, name: string): string => {
      const text = optionalText(from, name);
      if (text === undefined || text === '')
        throw invalidField(`tableConstraints.foreignKeys[${i}].${name}`, 'is required');
      return text;
    };
    if (columns.length === 0) throw invalidField(`tableConstraints.foreignKeys[${i}].columnReferences`, 'is required');
    return {
      name: optionalText(key, 'name') ?? `fk${i + 1}`,
      referencedTable: {
        projectId: required(table, 'projectId'),
        datasetId: required(table, 'datasetId'),
        tableId: required(table, 'tableId'),
      },
      columnReferences: columns.map((column) => ({
        referencingColumn: required(column as Body, 'referencingColumn'),
        referencedColumn: required(column as Body, 'referencedColumn'),
      })),
    };
  });
  const columns = primaryKey === undefined ? [] : (optionalList(primaryKey, 'columns') ?? []).map(String);
  if (columns.length === 0 && foreignKeys.length === 0) return undefined;
  return {
    ...(columns.length === 0 ? {} : { primaryKey: { columns } }),
    ...(foreignKeys.length === 0 ? {} : { foreignKeys }),
  };
}

/** Undefined: not given. Null: never expires. */
export function parseExpiration(body: Body, now: number): number | null | undefined {
  if (!('expirationTime' in body)) return undefined;
  const ms = optionalInteger(body, 'expirationTime');
  if (ms === undefined || ms === 0) return null;
  if (ms <= now) throw invalidField('expirationTime', 'must be in the future');
  return ms;
}

export function withTableChanges(
  properties: TableProperties,
  changes: Readonly<Record<string, unknown>>,
): TableProperties {
  return Object.fromEntries(
    Object.entries({ ...properties, ...changes }).filter(([, value]) => value !== null && value !== undefined),
  ) as TableProperties;
}

export async function tableResource(
  services: Services,
  table: Table,
  dataset: Dataset,
  baseUrl: string,
): Promise<Record<string, unknown>> {
  const { ref } = table;
  const { schema, view, ...metadata } = table.properties;
  const holdsRows = table.kind === 'TABLE' || table.kind === 'SNAPSHOT';
  const rows = holdsRows ? await services.sizes.rows(table) : undefined;
  const bytes = holdsRows ? await services.sizes.bytes(table) : undefined;
  return {
    kind: 'bigquery#table',
    etag: table.etag,
    id: nameOf(ref),
    selfLink: `${baseUrl}/bigquery/v2/projects/${ref.projectId}/datasets/${ref.datasetId}/tables/${encodeURIComponent(ref.tableId)}`,
    tableReference: ref,
    ...metadata,
    ...(schema.fields.length === 0 ? {} : { schema }),
    ...(bytes === undefined
      ? {}
      : {
          numBytes: String(bytes),
          numLongTermBytes: '0',
          numTotalLogicalBytes: String(bytes),
          numActiveLogicalBytes: String(bytes),
        }),
    ...(rows === undefined ? {} : { numRows: String(rows) }),
    creationTime: String(table.createdMs),
    lastModifiedTime: String(table.modifiedMs),
    ...(table.expirationMs === undefined ? {} : { expirationTime: String(table.expirationMs) }),
    type: table.kind,
    ...(view === undefined ? {} : { view: { query: view.query, useLegacySql: false } }),
    location: dataset.location,
  };
}

export function tableListItem(table: Table): Record<string, unknown> {
  const { friendlyName, labels, timePartitioning, rangePartitioning, clustering, view } = table.properties;
  return {
    kind: 'bigquery#table',
    id: nameOf(table.ref),
    tableReference: table.ref,
    type: table.kind,
    ...(friendlyName === undefined ? {} : { friendlyName }),
    ...(labels === undefined ? {} : { labels }),
    ...(timePartitioning === undefined ? {} : { timePartitioning }),
    ...(rangePartitioning === undefined ? {} : { rangePartitioning }),
    ...(clustering === undefined ? {} : { clustering }),
    ...(view === undefined ? {} : { view: { useLegacySql: false } }),
    creationTime: String(table.createdMs),
    ...(table.expirationMs === undefined ? {} : { expirationTime: String(table.expirationMs) }),
  };
}

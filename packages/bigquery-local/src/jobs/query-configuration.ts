// JobConfigurationQuery and QueryRequest of the BigQuery REST v2 reference.
import { BigQueryError } from '../bigquery-error.ts';
import type { AnalyzeRequest } from '../googlesql/statement.ts';
import type { TypedValue } from '../googlesql/types.ts';
import { parseParameter } from '../googlesql/values/schema.ts';
import {
  invalidField,
  optionalFlag,
  optionalInteger,
  optionalList,
  optionalObject,
  optionalText,
} from '../rest/bigquery/fields.ts';
import type { TableRef } from '../googlesql/statement.ts';
import { parseLayout, type DestinationLayout } from './destination-layout.ts';
import { splitDecorator } from './partition-write.ts';
import { parseSchemaUpdates, type SchemaUpdates } from './schema-update.ts';
import type { DatasetRef } from './table-lookup.ts';

type Body = Readonly<Record<string, unknown>>;

export type WriteDisposition = 'WRITE_EMPTY' | 'WRITE_APPEND' | 'WRITE_TRUNCATE';
export type CreateDisposition = 'CREATE_IF_NEEDED' | 'CREATE_NEVER';

export type QueryConfiguration = {
  readonly sql: string;
  readonly defaultDataset: DatasetRef | undefined;
  readonly destination: TableRef | undefined;
  /** The partition of the destination that is written: `20260101` of `t$20260101`. */
  readonly partition: string | undefined;
  readonly writeDisposition: WriteDisposition;
  readonly createDisposition: CreateDisposition;
  readonly parameters: AnalyzeRequest['parameters'];
  readonly useQueryCache: boolean;
  readonly maximumBytesBilled: bigint | undefined;
  readonly layout: DestinationLayout;
  readonly schemaUpdates: SchemaUpdates;
  readonly createSession: boolean;
  /** `connectionProperties`, by key. */
  readonly connection: ReadonlyMap<ConnectionKey, string>;
};

const CONNECTION_KEYS = ['session_id', 'query_label', 'time_zone'] as const;
type ConnectionKey = (typeof CONNECTION_KEYS)[number];

const MAX_SQL_CHARACTERS = 1024 * 1024;

export function parseQueryConfiguration(query: Body, projectId: string): QueryConfiguration {
  const sql = optionalText(query, 'query');
  if (sql === undefined || sql.trim() === '')
    throw new BigQueryError('invalid', 'Required parameter is missing: query');
  if (sql.length > MAX_SQL_CHARACTERS)
    throw new BigQueryError(
      'invalid',
      `The query is too large. The maximum standard SQL query length is ${MAX_SQL_CHARACTERS / 1024}K characters, including comments and white space characters.`,
    );
  // On the wire the default is legacy SQL, unless the text itself says otherwise.
  if (optionalFlag(query, 'useLegacySql') !== false && !/^\s*#standardsql\b/i.test(sql)) {
    throw new BigQueryError(
      'invalid',
      'Legacy SQL is not supported by the local BigQuery: set useLegacySql to false (it is true when it is left out).',
    );
  }
  for (const name of [
    'userDefinedFunctionResources',
    'tableDefinitions',
    'destinationEncryptionConfiguration',
    'scriptOptions',
  ]) {
    const value = query[name];
    const empty =
      value === undefined ||
      value === null ||
      value === false ||
      (typeof value === 'object' && Object.keys(value).length === 0);
    if (!empty)
      throw new BigQueryError('notImplemented', `configuration.query.${name} is not supported by the local BigQuery.`);
  }
  const billed = optionalInteger(query, 'maximumBytesBilled');
  const destination = parseTableReference(query, 'destinationTable', projectId);
  const decorated = destination === undefined ? undefined : splitDecorator(destination);
  const writeDisposition =
    oneOf(query, 'writeDisposition', ['WRITE_EMPTY', 'WRITE_APPEND', 'WRITE_TRUNCATE']) ?? 'WRITE_EMPTY';
  return {
    sql,
    defaultDataset: parseDefaultDataset(query, projectId),
    destination: decorated?.ref,
    partition: decorated?.partition,
    writeDisposition,
    createDisposition: oneOf(query, 'createDisposition', ['CREATE_IF_NEEDED', 'CREATE_NEVER']) ?? 'CREATE_IF_NEEDED',
    parameters: parseParameters(query),
    useQueryCache: optionalFlag(query, 'useQueryCache') ?? true,
    maximumBytesBilled: billed === undefined ? undefined : BigInt(billed),
    layout: parseLayout(query),
    schemaUpdates: parseSchemaUpdates(query, writeDisposition, decorated?.partition !== undefined),
    createSession: optionalFlag(query, 'createSession') === true,
    connection: parseConnection(query),
  };
}

/** ConnectionProperty of the REST reference. */
function parseConnection(query: Body): Map<ConnectionKey, string> {
  const properties = new Map<ConnectionKey, string>();
  for (const property of optionalList(query, 'connectionProperties') ?? []) {
    const key = optionalText(property as Body, 'key') ?? '';
    const value = optionalText(property as Body, 'value') ?? '';
    const known = CONNECTION_KEYS.find((name) => name === key.toLowerCase());
    if (known === undefined)
      throw new BigQueryError(
        'notImplemented',
        `configuration.query.connectionProperties: ${key} is not supported by the local BigQuery.`,
      );
    if (known === 'time_zone' && !/^(UTC|Etc\/UTC)$/i.test(value))
      throw new BigQueryError(
        'notImplemented',
        `configuration.query.connectionProperties: time_zone ${value} is not supported by the local BigQuery: it is UTC.`,
      );
    properties.set(known, value);
  }
  return properties;
}

export function oneOf<T extends string>(body: Body, name: string, values: readonly T[]): T | undefined {
  const text = optionalText(body, name);
  if (text === undefined || text === '') return undefined;
  const found = values.find((value) => value === text);
  if (found === undefined) throw invalidField(name, `${text} is not one of ${values.join(', ')}`);
  return found;
}

export function parseTableReference(body: Body, name: string, projectId: string): TableRef | undefined {
  const reference = optionalObject(body, name);
  if (reference === undefined) return undefined;
  const datasetId = optionalText(reference, 'datasetId');
  const tableId = optionalText(reference, 'tableId');
  if (datasetId === undefined || tableId === undefined)
    throw new BigQueryError(
      'invalid',
      `Required parameter is missing: ${name}.${datasetId === undefined ? 'datasetId' : 'tableId'}`,
    );
  return { projectId: optionalText(reference, 'projectId') ?? projectId, datasetId, tableId };
}

function parseDefaultDataset(query: Body, projectId: string): DatasetRef | undefined {
  const reference = optionalObject(query, 'defaultDataset');
  const datasetId = reference === undefined ? undefined : optionalText(reference, 'datasetId');
  if (reference === undefined || datasetId === undefined) return undefined;
  return { projectId: optionalText(reference, 'projectId') ?? projectId, datasetId };
}

function parseParameters(query: Body): AnalyzeRequest['parameters'] {
  const list = optionalList(query, 'queryParameters') ?? [];
  const mode = optionalText(query, 'parameterMode')?.toUpperCase();
  if (list.length === 0) return undefined;
  const names = list.map((parameter) => optionalText(parameter as Body, 'name'));
  const positional =
    mode === undefined || mode === ''
      ? names.every((name) => name === undefined || name === '')
      : mode === 'POSITIONAL';
  if (positional) return { mode: 'POSITIONAL', values: list.map(parseParameter) };
  const values = new Map<string, TypedValue>();
  list.forEach((parameter, i) => {
    const name = names[i];
    if (name === undefined || name === '') throw invalidField('queryParameters', 'every named parameter needs a name');
    if (values.has(name.toLowerCase())) throw invalidField('queryParameters', `duplicate parameter name ${name}`);
    values.set(name.toLowerCase(), parseParameter(parameter));
  });
  return { mode: 'NAMED', values };
}

// The target table as BigQuery describes it, whether a mapping can be kept in it, and how a
// missing table or column is made when the mapping gives its types.
import { AppError, messageOf } from '@sluice/core';
import type { BigQueryCalls, FieldSchema, TableResource } from './client.ts';
import { OWN_PREFIX, fieldOfType, quoted } from './settings.ts';
import type { Target } from './settings.ts';
import { encoderFor, typeOf } from './values.ts';
import type { Encoder } from './values.ts';

export type Column = { readonly field: FieldSchema; readonly encode: Encoder };

export type Table = {
  readonly columns: ReadonlyMap<string, FieldSchema>;
  /** `` `project.dataset.table` ``. */
  readonly name: string;
  readonly location: string;
};

/** Types whose values can be told equal. */
const KEY_TYPES = new Set([
  'STRING',
  'BYTES',
  'INT64',
  'NUMERIC',
  'BIGNUMERIC',
  'BOOL',
  'DATE',
  'TIME',
  'DATETIME',
  'TIMESTAMP',
]);

/**
 * `rowColumns`: the columns that the mapping writes, where they are known before the first row.
 * @throws AppError that names the table or column that does not fit, and what mends it.
 */
export async function describeTable(
  calls: BigQueryCalls,
  target: Target,
  rowColumns: readonly string[],
): Promise<Table> {
  const name = nameOf(target, target.dataset, target.table);
  const location = await calls.datasetLocation(target.dataset);
  let resource = await calls.tableResource(target);
  if (target.columnTypes.size > 0 && (await makeMissing(calls, target, resource, name)))
    resource = await calls.tableResource(target);
  if (resource === undefined)
    throw invalid(
      'TABLE_NOT_FOUND',
      'fields.table',
      `the table ${name} does not exist, or the key may not see it`,
      'make the table, correct the name, or give column_types so that it is made',
    );
  if (resource.type !== 'TABLE')
    throw invalid(
      'NOT_A_TABLE',
      'fields.table',
      `${name} is a ${resource.type.toLowerCase()}`,
      'name a table; nothing else can be written to',
    );
  const fields = resource.schema?.fields ?? [];
  const table: Table = { name, location, columns: new Map(fields.map((field) => [field.name, field])) };
  const used = [...target.key, target.operationColumn, target.recordIdColumn, ...rowColumns];
  writableColumns(
    table,
    used.filter((each) => each !== undefined),
  );
  for (const each of target.key) requireKeyType(table, each);
  return table;
}

/** The columns must exist and be of a type that can be written. */
export function writableColumns({ columns, name }: Table, wanted: readonly string[]): readonly Column[] {
  return wanted.map((each) => {
    const field = columns.get(each);
    if (field === undefined)
      throw invalid(
        'UNKNOWN_COLUMN',
        'fields.row',
        `the table ${name} has no column ${quoted(each)}; it has ${[...columns.keys()].map(quoted).join(', ')}`,
        'add the column, give its type in column_types, or leave it out of the row',
      );
    const encode = each.startsWith(OWN_PREFIX) ? undefined : encoderFor(field);
    if (encode === undefined)
      throw invalid(
        'TYPE_NOT_SUPPORTED',
        'fields.row',
        `the column ${quoted(each)} of ${name} is ${typeOf(field)}${field.fields === undefined ? '' : ' with a part'}, or has a name, that is not supported`,
        'leave it out of the row',
      );
    return { field, encode };
  });
}

export function nameOf({ project }: Target, dataset: string, table: string): string {
  return quoted(`${project}.${dataset}.${table}`);
}

function requireKeyType({ columns, name }: Table, column: string): void {
  const field = columns.get(column);
  if (field !== undefined && field.mode !== 'REPEATED' && KEY_TYPES.has(typeOf(field))) return;
  throw invalid(
    'KEY_TYPE',
    'fields.key',
    `the column ${quoted(column)} of ${name} is ${field?.mode === 'REPEATED' ? 'ARRAY' : field && typeOf(field)}, and cannot tell rows apart`,
    'name a column of a type such as STRING or INT64',
  );
}

async function makeMissing(
  calls: BigQueryCalls,
  target: Target,
  resource: TableResource | undefined,
  name: string,
): Promise<boolean> {
  const present = resource?.schema?.fields ?? [];
  const missing = [...target.columnTypes].filter(([column]) => !present.some((field) => field.name === column));
  if (missing.length === 0) return false;
  const added = missing.map(([column, type]) => fieldOfType(column, type));
  const untyped = target.key.find((column) => !target.columnTypes.has(column));
  if (resource === undefined && untyped !== undefined)
    throw invalid(
      'KEY_WITHOUT_TYPE',
      'fields.column_types',
      `the table ${name} does not exist and cannot be made: the key column ${quoted(untyped)} has no type`,
      `add ${untyped} to column_types`,
    );
  try {
    if (resource === undefined) await calls.createTable(target, added);
    else await calls.setSchema(target, [...present, ...added]);
  } catch (error) {
    throw invalid(
      'TABLE_NOT_MADE',
      'fields.column_types',
      `the columns ${added.map((field) => quoted(field.name)).join(', ')} of ${name} could not be made: ${messageOf(error)}`,
      'give the key the permission bigquery.tables.create and bigquery.tables.update, or make them by hand',
    );
  }
  return true;
}

function invalid(code: string, where: string, message: string, fix: string): AppError {
  return new AppError(message, { code, kind: 'invalid', origin: 'destination', where, fix });
}

// Rules of table ids and schemas ("Table naming", "Column names"), shared by REST, DDL and loads.
import { BigQueryError } from '../bigquery-error.ts';
import { duckdbType } from '../googlesql/values/physical.ts';
import { typeOfField } from '../googlesql/values/schema.ts';
import { parameterProblem } from '../googlesql/values/type-parameters.ts';
import type { TableReference } from './datasets.ts';
import type { FieldSchema } from './schema.ts';

const RESERVED_PREFIXES = ['_TABLE_', '_FILE_', '_PARTITION', '_ROW_TIMESTAMP', '__ROOT__', '_COLIDENTIFIER'];

export function checkTableId(ref: TableReference): void {
  if (/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u.test(ref.tableId) && Buffer.byteLength(ref.tableId) <= 1024)
    return;
  throw new BigQueryError(
    'invalid',
    `Invalid table ID "${ref.tableId}". Table IDs must be alphanumeric (plus underscores and hyphens) and must be at most 1024 characters long.`,
  );
}

/** Normalises a schema given by a caller. Throws `invalid`, or the refusal of a type that is not supported. */
export function parseSchema(schema: unknown): readonly FieldSchema[] {
  const fields = (schema as { fields?: unknown } | undefined)?.fields;
  if (fields === undefined || fields === null) return [];
  return parseFields(fields, '');
}

const MODES = new Set(['NULLABLE', 'REQUIRED', 'REPEATED']);

function parseFields(value: unknown, path: string): readonly FieldSchema[] {
  if (!Array.isArray(value))
    throw new BigQueryError('invalid', `Invalid value for schema${path}.fields: expected a list`);
  if (value.length > 10_000) throw new BigQueryError('invalid', 'A table has at most 10000 columns.');
  const names = new Set<string>();
  return value.map((item: unknown) => {
    const field = parseField(item, path);
    const key = field.name.toLowerCase();
    if (names.has(key)) throw new BigQueryError('invalid', `Duplicate field name: ${field.name}`);
    names.add(key);
    return field;
  });
}

function parseField(item: unknown, path: string): FieldSchema {
  const given = item as Record<string, unknown>;
  const { name, type } = given;
  if (typeof name !== 'string' || !isColumnName(name))
    throw new BigQueryError(
      'invalid',
      `Invalid field name "${String(name)}". Fields must contain the allowed characters, and be at most 300 characters long.`,
    );
  if (typeof type !== 'string') throw new BigQueryError('invalid', `Field ${name} has no type.`);
  const mode = typeof given['mode'] === 'string' && given['mode'] !== '' ? given['mode'].toUpperCase() : 'NULLABLE';
  if (!MODES.has(mode))
    throw new BigQueryError('invalid', `Invalid value for mode: ${String(given['mode'])} is not a valid value`);
  const fields =
    given['fields'] === undefined || given['fields'] === null
      ? undefined
      : parseFields(given['fields'], `${path}.${name}`);
  const legacy = LEGACY_NAMES[type.toUpperCase()] ?? type.toUpperCase();
  const field: FieldSchema = {
    name,
    type: legacy,
    mode: mode as 'NULLABLE' | 'REQUIRED' | 'REPEATED',
    ...(fields === undefined || fields.length === 0 ? {} : { fields }),
    ...texts(given, [
      'description',
      'maxLength',
      'precision',
      'scale',
      'roundingMode',
      'collation',
      'defaultValueExpression',
    ]),
    ...rangeElementOf(given),
  };
  if (
    field.collation !== undefined &&
    (field.collation !== 'und:ci' || legacy !== 'STRING' || mode === 'REPEATED' || path !== '')
  )
    throw new BigQueryError(
      'notImplemented',
      `Collation ${field.collation} of field ${name} is not supported by the local BigQuery.`,
    );
  const problem = parameterProblem(field);
  if (problem !== undefined) throw new BigQueryError('invalid', `Field ${name}: ${problem}`);
  // Refuses unknown and unsupported types by name.
  duckdbType(typeOfField(field));
  return field;
}

/** `rangeElementType` of a RANGE; its own type is checked with the field's. */
function rangeElementOf(given: Readonly<Record<string, unknown>>): Pick<FieldSchema, 'rangeElementType'> {
  const element = given['rangeElementType'] as { readonly type?: unknown } | null | undefined;
  return typeof element?.type === 'string' ? { rangeElementType: { type: element.type.toUpperCase() } } : {};
}

const LEGACY_NAMES: Readonly<Record<string, string>> = {
  INT64: 'INTEGER',
  INT: 'INTEGER',
  BIGINT: 'INTEGER',
  SMALLINT: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
  STRUCT: 'RECORD',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};

function texts(given: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    keys
      .filter((key) => given[key] !== undefined && given[key] !== null && given[key] !== '')
      .map((key) => [key, String(given[key])]),
  );
}

/** "Column names": letters, numbers, underscores, and flexible names; reserved prefixes are refused. */
export function isColumnName(name: string): boolean {
  if (name.length === 0 || name.length > 300 || /[!"$()*,./;?@[\\\]^`{}~\p{Cc}]/u.test(name)) return false;
  return !RESERVED_PREFIXES.some((prefix) => name.toUpperCase().startsWith(prefix));
}

/** For columns that a statement makes. Throws `invalidQuery`. */
export function checkColumnNames(fields: readonly FieldSchema[]): void {
  for (const field of fields) {
    if (!isColumnName(field.name))
      throw new BigQueryError(
        'invalidQuery',
        `Invalid field name "${field.name}". Fields must contain the allowed characters, and be at most 300 characters long. For allowed characters, please refer to https://cloud.google.com/bigquery/docs/schemas#column_names`,
      );
    if (field.fields !== undefined) checkColumnNames(field.fields);
  }
}

// BigQuery's JSON schemas ↔ GoogleSQL types, and query parameters of the REST API.
// Source: TableFieldSchema, QueryParameter of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType, ScalarKind, TypedValue } from '../types.ts';

const LEGACY_NAMES: Partial<Record<ScalarKind, string>> = { INT64: 'INTEGER', FLOAT64: 'FLOAT', BOOL: 'BOOLEAN' };

const KINDS: Readonly<Record<string, ScalarKind>> = {
  INTEGER: 'INT64',
  INT64: 'INT64',
  INT: 'INT64',
  SMALLINT: 'INT64',
  BIGINT: 'INT64',
  TINYINT: 'INT64',
  BYTEINT: 'INT64',
  FLOAT: 'FLOAT64',
  FLOAT64: 'FLOAT64',
  BOOLEAN: 'BOOL',
  BOOL: 'BOOL',
  STRING: 'STRING',
  BYTES: 'BYTES',
  DATE: 'DATE',
  DATETIME: 'DATETIME',
  TIME: 'TIME',
  TIMESTAMP: 'TIMESTAMP',
  NUMERIC: 'NUMERIC',
  DECIMAL: 'NUMERIC',
  BIGNUMERIC: 'BIGNUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
  JSON: 'JSON',
  INTERVAL: 'INTERVAL',
  GEOGRAPHY: 'GEOGRAPHY',
};

/** A REST field of one column. Arrays become mode REPEATED, structs RECORD; arrays of arrays are refused. */
export function fieldOf(column: { readonly name: string; readonly type: GType }): FieldSchema {
  const { name, type } = column;
  if (type.kind === 'ARRAY') {
    if (type.element.kind === 'ARRAY')
      throw new BigQueryError('invalidQuery', `Column ${name} is an array of arrays, which is not supported`);
    return { ...fieldOf({ name, type: type.element }), mode: 'REPEATED' };
  }
  if (type.kind === 'STRUCT') {
    const fields = type.fields.map((field, i) =>
      fieldOf({ name: field.name === '' ? `_field_${i + 1}` : field.name, type: field.type }),
    );
    return { name, type: 'RECORD', mode: 'NULLABLE', fields };
  }
  if (type.kind === 'RANGE') return { name, type: 'RANGE', mode: 'NULLABLE' };
  return { name, type: LEGACY_NAMES[type.kind] ?? type.kind, mode: 'NULLABLE' };
}

/** The GoogleSQL type of a REST field; accepts legacy and standard type names in any case. Throws `invalid` for an unknown type. */
export function typeOfField(field: FieldSchema): GType {
  const element = elementOfField(field);
  return field.mode?.toUpperCase() === 'REPEATED' ? { kind: 'ARRAY', element } : element;
}

function elementOfField(field: FieldSchema): GType {
  const name = field.type.toUpperCase();
  if (name === 'RECORD' || name === 'STRUCT') {
    const fields = field.fields ?? [];
    if (fields.length === 0) throw new BigQueryError('invalid', `Field ${field.name} is type RECORD but has no schema`);
    return { kind: 'STRUCT', fields: fields.map((child) => ({ name: child.name, type: typeOfField(child) })) };
  }
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  if (kind === undefined)
    throw new BigQueryError('invalid', `Invalid value for type: ${field.type} is not a valid value`);
  return { kind };
}

/** A query parameter of the REST API (`{parameterType, parameterValue}`) as a typed value. */
export function parseParameter(parameter: unknown): TypedValue {
  throw new BigQueryError('invalid', `Query parameter is not valid: ${typeof parameter}`);
}

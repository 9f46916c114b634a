// BigQuery's JSON schemas ↔ GoogleSQL types.
// Source: TableFieldSchema of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../types.ts';
import { LEGACY_NAMES, rangeElement, scalarKind } from './type-names.ts';

export { parseParameter } from './parameter.ts';

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
  if (type.kind === 'RANGE')
    return { name, type: 'RANGE', mode: 'NULLABLE', rangeElementType: { type: type.element.kind } };
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
  if (name === 'RANGE') {
    const element = rangeElement(field.rangeElementType?.type);
    if (element === undefined)
      throw new BigQueryError(
        'invalid',
        `Field ${field.name} of type RANGE needs a rangeElementType of type DATE, DATETIME or TIMESTAMP`,
      );
    return { kind: 'RANGE', element };
  }
  const kind = scalarKind(name);
  if (kind === undefined)
    throw new BigQueryError('invalid', `Invalid value for type: ${field.type} is not a valid value`);
  return { kind };
}

// StandardSqlDataType of the BigQuery REST v2 reference ↔ GoogleSQL's types and their text in statements.
import { BigQueryError } from '../../bigquery-error.ts';
import type { StandardSqlDataType, StandardSqlField } from '../../catalog/routines.ts';
import type { GType } from '../types.ts';
import { scalarKind } from '../values/type-names.ts';

const MAX_DEPTH = 15;

export function dataTypeOf(type: GType): StandardSqlDataType {
  switch (type.kind) {
    case 'ARRAY':
      return { typeKind: 'ARRAY', arrayElementType: dataTypeOf(type.element) };
    case 'RANGE':
      return { typeKind: 'RANGE', rangeElementType: dataTypeOf(type.element) };
    case 'STRUCT':
      return {
        typeKind: 'STRUCT',
        structType: {
          fields: type.fields.map((field): StandardSqlField => ({
            ...(field.name === '' ? {} : { name: field.name }),
            type: dataTypeOf(field.type),
          })),
        },
      };
    default:
      return { typeKind: type.kind };
  }
}

/** Throws `invalid` for what is no type; `where` names the field in the message. */
export function typeOfDataType(dataType: StandardSqlDataType | undefined, where: string, depth = 0): GType {
  const invalid = (problem: string): BigQueryError =>
    new BigQueryError('invalid', `Invalid value for ${where}: ${problem}`);
  if (depth > MAX_DEPTH) throw invalid(`types are nested at most ${MAX_DEPTH} levels deep`);
  if (typeof dataType !== 'object' || dataType === null || typeof dataType.typeKind !== 'string')
    throw invalid('expected a data type, such as {"typeKind": "INT64"}');
  const { typeKind } = dataType;
  switch (typeKind) {
    case 'ARRAY':
      return {
        kind: 'ARRAY',
        element: typeOfDataType(dataType.arrayElementType, `${where}.arrayElementType`, depth + 1),
      };
    case 'RANGE':
      return {
        kind: 'RANGE',
        element: typeOfDataType(dataType.rangeElementType, `${where}.rangeElementType`, depth + 1),
      };
    case 'STRUCT': {
      const fields = dataType.structType?.fields ?? [];
      if (!Array.isArray(fields)) throw invalid('structType.fields is not a list');
      return {
        kind: 'STRUCT',
        fields: (fields as readonly StandardSqlField[]).map((field, i) => ({
          name: typeof field?.name === 'string' ? field.name : '',
          type: typeOfDataType(field?.type, `${where}.structType.fields[${i}].type`, depth + 1),
        })),
      };
    }
    default: {
      const kind = /^[A-Z0-9]+$/.test(typeKind) ? scalarKind(typeKind) : undefined;
      if (kind === undefined || kind !== typeKind) throw invalid(`${typeKind} is not a type`);
      return { kind };
    }
  }
}

/** As a statement writes it, names of fields in back quotes. */
export function typeText(type: GType): string {
  switch (type.kind) {
    case 'ARRAY':
      return `ARRAY<${typeText(type.element)}>`;
    case 'RANGE':
      return `RANGE<${typeText(type.element)}>`;
    case 'STRUCT':
      return `STRUCT<${type.fields.map((f) => (f.name === '' ? typeText(f.type) : `${quotedName(f.name)} ${typeText(f.type)}`)).join(', ')}>`;
    default:
      return type.kind;
  }
}

export function quotedName(name: string): string {
  return `\`${name.replaceAll(/[\\`]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}\``;
}

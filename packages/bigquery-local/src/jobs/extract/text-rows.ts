// Rows as the lines of an extracted CSV or newline-delimited JSON file ("Exporting table
// data"): INT64 and NUMERIC are strings in JSON, timestamps end in UTC, BYTES are base64,
// NULL is an empty CSV field and no field at all in JSON.
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../../googlesql/types.ts';
import type { EncodedRow } from '../../googlesql/values/encode.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { datetimeText } from '../../googlesql/values/text.ts';

/** One line without its end. Rows are in REST form with timestamps as microseconds. */
export type LineWriter = (row: EncodedRow) => string;

/** Throws `invalid` for a schema that CSV cannot hold. */
export function csvLines(fields: readonly FieldSchema[], delimiter: string): { header: string; line: LineWriter } {
  const types = fields.map(typeOfField);
  const nested = fields.find((_, i) => types[i]!.kind === 'ARRAY' || types[i]!.kind === 'STRUCT');
  if (nested !== undefined)
    throw new BigQueryError('invalid', `Operation cannot be performed on a nested schema. Field: ${nested.name}`);
  const special = new RegExp(`[${/[\\\]^-]/.test(delimiter) ? `\\${delimiter}` : delimiter}"\\r\\n]`);
  // A quoted empty text is told from NULL.
  const quoted = (text: string): string =>
    text === '' || special.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return {
    header: fields.map(({ name }) => quoted(name)).join(delimiter),
    line: ({ f }) =>
      f.map(({ v }, i) => (v === null ? '' : quoted(scalarText(v as string, types[i]!)))).join(delimiter),
  };
}

export function jsonLines(fields: readonly FieldSchema[]): LineWriter {
  const struct: GType = {
    kind: 'STRUCT',
    fields: fields.map((field) => ({ name: field.name, type: typeOfField(field) })),
  };
  return (row) => jsonText(row, struct);
}

function jsonText(value: unknown, type: GType): string {
  switch (type.kind) {
    case 'STRUCT': {
      const { f } = value as EncodedRow;
      const members = type.fields.flatMap((field, i) => {
        const { v } = f[i]!;
        return v === null ? [] : `${JSON.stringify(field.name)}:${jsonText(v, field.type)}`;
      });
      return `{${members.join(',')}}`;
    }
    case 'ARRAY': {
      const items = value as readonly { readonly v: unknown }[];
      return `[${items.map(({ v }) => (v === null ? 'null' : jsonText(v, type.element))).join(',')}]`;
    }
    case 'BOOL':
      return value as string;
    case 'FLOAT64':
      return Number.isFinite(Number(value)) ? String(Number(value)) : JSON.stringify(value);
    case 'RANGE': {
      const [start = '', end = ''] = (value as string).slice(1, -1).split(', ');
      const bound = (name: string, text: string): string[] =>
        text === 'UNBOUNDED' ? [] : [`"${name}":${JSON.stringify(scalarText(text, type.element))}`];
      return `{${[...bound('start', start), ...bound('end', end)].join(',')}}`;
    }
    case 'JSON':
      // Valid by its type, but perhaps on several lines.
      return (value as string).replaceAll(/[\r\n]+/g, ' ');
    default:
      return JSON.stringify(scalarText(value as string, type));
  }
}

function scalarText(value: string, type: GType): string {
  if (type.kind === 'RANGE') {
    const bound = (text: string): string => (text === 'UNBOUNDED' ? text : scalarText(text, type.element));
    return `[${value.slice(1, -1).split(', ').map(bound).join(', ')})`;
  }
  return type.kind === 'TIMESTAMP' ? `${datetimeText(BigInt(value)).replace('T', ' ')} UTC` : value;
}

// Types of columns (GoogleSQL) against types of fields (Segment): what is sent as what.
import type { FieldInfo } from '../../info.ts';

export type ColumnType =
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'list'; readonly of: ColumnType }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly type: ColumnType }[] };

/** Reads `INT64`, `ARRAY<STRUCT<a STRING, b ARRAY<INT64>>>`, `NUMERIC(10, 2)`; what it does not know is a scalar. */
export function parseColumnType(text: string): ColumnType {
  const trimmed = text.trim();
  const inner = /^(ARRAY|STRUCT)\s*<([\s\S]*)>$/i.exec(trimmed);
  if (inner === null) return { kind: 'scalar', name: (/^\w+/.exec(trimmed)?.[0] ?? trimmed).toUpperCase() };
  const [, outer = '', body = ''] = inner;
  if (outer.toUpperCase() === 'ARRAY') return { kind: 'list', of: parseColumnType(body) };
  return {
    kind: 'struct',
    fields: parts(body).map((part, index) => {
      const named = /^`?([\p{L}_][\p{L}\p{N}_]*)`?\s+(?=[A-Za-z])([\s\S]+)$/u.exec(part.trim());
      return named === null
        ? { name: `_field_${index + 1}`, type: parseColumnType(part) }
        : { name: named[1] ?? '', type: parseColumnType(named[2] ?? '') };
    }),
  };
}

/** Splits at commas outside brackets. */
function parts(body: string): string[] {
  const result: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < body.length; index += 1) {
    const char = body[index];
    if (char === '<' || char === '(') depth += 1;
    if (char === '>' || char === ')') depth -= 1;
    if (char === ',' && depth === 0) {
      result.push(body.slice(start, index));
      start = index + 1;
    }
  }
  const rest = body.slice(start);
  return rest.trim() === '' ? result : [...result, rest];
}

const NUMBERS = new Set(['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC']);
const TIMES = new Set(['TIMESTAMP', 'DATETIME', 'DATE']);

/** How well a value of the column fits the field, from 0 (never) to 1; the text says what is done to it. */
export function fit(type: ColumnType, field: FieldInfo): { readonly share: number; readonly note?: string } {
  const list = field.type.endsWith('[]');
  const name = list ? field.type.slice(0, -2) : field.type;
  if (type.kind === 'list') return list ? fit(type.of, { ...field, type: name }) : { share: 0 };
  if (list) {
    const one = fit(type, { ...field, type: name });
    return name === 'object' ? { share: 0 } : { share: one.share * 0.7, note: 'one value becomes a list' };
  }
  if (type.kind === 'struct') return { share: name === 'object' ? 1 : 0 };
  const column = type.name;
  if (column === 'JSON') return { share: name === 'object' ? 0.9 : 0.5, note: 'JSON, whose content is not known' };
  if (name === 'object') return { share: 0 };
  if (name === 'boolean') return { share: column === 'BOOL' ? 1 : column === 'STRING' ? 0.6 : 0 };
  if (name === 'number' || name === 'integer') {
    if (NUMBERS.has(column)) return { share: name === 'integer' && column !== 'INT64' ? 0.8 : 1 };
    return column === 'STRING' ? { share: 0.7, note: 'the text must be a number' } : { share: 0 };
  }
  if (name === 'datetime' || field.format === 'date-time' || field.format === 'date') {
    if (TIMES.has(column)) return { share: 1 };
    return column === 'STRING' || column === 'INT64' ? { share: 0.8, note: 'must be a time' } : { share: 0 };
  }
  if (field.format === 'email' || field.format === 'uri') return { share: column === 'STRING' ? 1 : 0 };
  if (column === 'STRING') return { share: 1 };
  return column === 'BYTES' ? { share: 0.4, note: 'sent in base 64' } : { share: 0.9, note: 'sent as a text' };
}

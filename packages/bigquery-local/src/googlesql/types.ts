// GoogleSQL's types and the JavaScript form of their values inside this server.

export type ScalarKind =
  | 'INT64'
  | 'FLOAT64'
  | 'BOOL'
  | 'STRING'
  | 'BYTES'
  | 'DATE'
  | 'DATETIME'
  | 'TIME'
  | 'TIMESTAMP'
  | 'NUMERIC'
  | 'BIGNUMERIC'
  | 'JSON'
  | 'INTERVAL'
  | 'GEOGRAPHY';

export type GType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'ARRAY'; readonly element: GType }
  /** A field without a name has the name ''. */
  | { readonly kind: 'STRUCT'; readonly fields: readonly { readonly name: string; readonly type: GType }[] }
  | { readonly kind: 'RANGE'; readonly element: GType };

/**
 * A value of a literal or a query parameter:
 * INT64 bigint · FLOAT64 number · BOOL boolean · STRING and JSON (text) string ·
 * BYTES Uint8Array · DATE `YYYY-MM-DD` · TIME `HH:MM:SS[.ffffff]` · DATETIME `YYYY-MM-DD HH:MM:SS[.ffffff]` ·
 * TIMESTAMP bigint, microseconds since 1970 · NUMERIC and BIGNUMERIC decimal text ·
 * INTERVAL object · GEOGRAPHY well-known text · RANGE start and end, NULL for UNBOUNDED ·
 * ARRAY and STRUCT arrays of values, in order.
 */
export type Value =
  | null
  | bigint
  | number
  | boolean
  | string
  | Uint8Array
  | { readonly months: bigint; readonly days: bigint; readonly micros: bigint }
  | readonly Value[];

export type TypedValue = { readonly type: GType; readonly value: Value };

/** BigQuery's spelling: `INT64`, `ARRAY<STRING>`, `STRUCT<a INT64, b STRING>`. */
export function typeName(type: GType): string {
  switch (type.kind) {
    case 'ARRAY':
      return `ARRAY<${typeName(type.element)}>`;
    case 'RANGE':
      return `RANGE<${typeName(type.element)}>`;
    case 'STRUCT':
      return `STRUCT<${type.fields.map((f) => (f.name === '' ? typeName(f.type) : `${f.name} ${typeName(f.type)}`)).join(', ')}>`;
    default:
      return type.kind;
  }
}

export function sameType(a: GType, b: GType): boolean {
  if (a.kind !== b.kind) return false;
  if ((a.kind === 'ARRAY' && b.kind === 'ARRAY') || (a.kind === 'RANGE' && b.kind === 'RANGE'))
    return sameType(a.element, b.element);
  if (a.kind === 'STRUCT' && b.kind === 'STRUCT') {
    return a.fields.length === b.fields.length && a.fields.every((f, i) => sameType(f.type, b.fields[i]!.type));
  }
  return true;
}

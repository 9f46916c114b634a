// Literals and bound parameters as DuckDB SQL. Every text passes through `quoteText`,
// so no value can leave its literal.
import { BigQueryError } from '../../bigquery-error.ts';
import { typeName, type TypedValue, type Value } from '../types.ts';
import { parseBignumeric, storedBignumeric } from './bignumeric.ts';
import { storedGeography } from './geography.ts';
import { duckdbType } from './physical.ts';

/** A DuckDB string literal. NUL, which SQL text cannot hold, is put together with chr(0). */
export function quoteText(text: string): string {
  if (!text.includes('\0')) return `'${text.replaceAll("'", "''")}'`;
  return `(${text
    .split('\0')
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join(' || chr(0) || ')})`;
}

/** DuckDB SQL of one typed value, typed also when it is NULL. Throws `invalidQuery` for a value that its type cannot hold. */
export function literalSql(literal: TypedValue): string {
  const { type, value } = literal;
  const sqlType = duckdbType(type);
  if (value === null) return `CAST(NULL AS ${sqlType})`;
  switch (type.kind) {
    case 'INT64': {
      const n =
        typeof value === 'bigint'
          ? value
          : typeof value === 'number' && Number.isSafeInteger(value)
            ? BigInt(value)
            : fail(literal);
      if (n < -(2n ** 63n) || n > 2n ** 63n - 1n) fail(literal);
      // The text form also covers -2^63, whose digits alone are out of range.
      return `CAST('${n}' AS BIGINT)`;
    }
    case 'FLOAT64': {
      const n = typeof value === 'number' ? value : fail(literal);
      if (Number.isNaN(n)) return `CAST('nan' AS DOUBLE)`;
      if (!Number.isFinite(n)) return `CAST('${n < 0 ? '-inf' : 'inf'}' AS DOUBLE)`;
      return `CAST('${Object.is(n, -0) ? '-0.0' : String(n)}' AS DOUBLE)`;
    }
    case 'BOOL':
      return value === true ? 'true' : value === false ? 'false' : fail(literal);
    case 'STRING':
      return typeof value === 'string' ? quoteText(value) : fail(literal);
    case 'JSON':
      return typeof value === 'string' ? `CAST(${quoteText(value)} AS JSON)` : fail(literal);
    case 'BYTES':
      return value instanceof Uint8Array ? `unhex('${Buffer.from(value).toString('hex')}')` : fail(literal);
    case 'DATE':
      return `CAST('${checked(literal, /^\d{4}-\d\d-\d\d$/)}' AS DATE)`;
    case 'TIME':
      return `CAST('${checked(literal, /^\d\d:\d\d:\d\d(\.\d{1,6})?$/)}' AS TIME)`;
    case 'DATETIME':
      return `CAST('${checked(literal, /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$/)}' AS TIMESTAMP)`;
    case 'TIMESTAMP':
      return typeof value === 'bigint' ? `make_timestamptz(CAST('${value}' AS BIGINT))` : fail(literal);
    case 'NUMERIC':
      return `CAST('${checked(literal, /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/)}' AS ${sqlType})`;
    case 'INTERVAL': {
      if (typeof value !== 'object' || Array.isArray(value) || !('months' in value)) return fail(literal);
      return `(to_months(CAST(${value.months} AS INTEGER)) + to_days(CAST(${value.days} AS INTEGER)) + to_microseconds(CAST('${value.micros}' AS BIGINT)))`;
    }
    case 'ARRAY': {
      const items = elements(literal);
      const element = type.element;
      return `CAST([${items.map((item) => literalSql({ type: element, value: item })).join(', ')}] AS ${sqlType})`;
    }
    case 'STRUCT': {
      const items = elements(literal);
      if (items.length !== type.fields.length) fail(literal);
      return `struct_pack(${type.fields.map((field, i) => `f${i} := ${literalSql({ type: field.type, value: items[i] ?? null })}`).join(', ')})`;
    }
    case 'BIGNUMERIC': {
      const unscaled = typeof value === 'string' ? parseBignumeric(value) : undefined;
      return quoteText(storedBignumeric(unscaled ?? fail(literal)));
    }
    case 'GEOGRAPHY':
      return quoteText(typeof value === 'string' ? (storedGeography(value) ?? fail(literal)) : fail(literal));
    case 'RANGE': {
      const [start, end] = elements(literal);
      const bound = (item: Value | undefined, unbounded: string): string =>
        item === null || item === undefined
          ? `CAST('${unbounded}' AS ${duckdbType(type.element)})`
          : literalSql({ type: type.element, value: item });
      return `struct_pack(f0 := ${bound(start, '-infinity')}, f1 := ${bound(end, 'infinity')})`;
    }
  }
}

function elements(literal: TypedValue): readonly Value[] {
  return Array.isArray(literal.value) ? (literal.value as readonly Value[]) : fail(literal);
}

function checked(literal: TypedValue, pattern: RegExp): string {
  return typeof literal.value === 'string' && pattern.test(literal.value) ? literal.value : fail(literal);
}

function fail(literal: TypedValue): never {
  throw new BigQueryError('invalidQuery', `Invalid value for type ${typeName(literal.type)}`);
}

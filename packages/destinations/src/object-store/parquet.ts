// Rows as one Parquet file (https://parquet.apache.org/docs/file-format/). The mapping says
// the columns' types; a column without one is text, so that all parts of a mapping have the
// same types whatever is in them. Every column may be null.
import type { JsonObject, JsonValue } from '@sluice/core';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { OPERATION_COLUMN, RECORD_ID_COLUMN } from '../file/own-columns.ts';

/** A value that its column's type cannot hold: the row is rejected. */
export class UnfitValue extends Error {}

type Element = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>[number];
type Column = {
  readonly element: Omit<Element, 'name'>;
  readonly encode: (value: Exclude<JsonValue, null>) => unknown;
};

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** BigQuery's NUMERIC: 38 digits, 9 of them after the point. */
const NUMERIC = { digits: 38, scale: 9, bytes: 16 } as const;
const DAY_MS = 86_400_000;

const COLUMNS = {
  STRING: { element: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }, encode: textOf },
  INT64: { element: { type: 'INT64' }, encode: int64 },
  FLOAT64: { element: { type: 'DOUBLE' }, encode: float64 },
  BOOL: { element: { type: 'BOOLEAN' }, encode: boolean },
  NUMERIC: {
    element: {
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: NUMERIC.bytes,
      converted_type: 'DECIMAL',
      precision: NUMERIC.digits,
      scale: NUMERIC.scale,
      logical_type: { type: 'DECIMAL', precision: NUMERIC.digits, scale: NUMERIC.scale },
    },
    encode: numeric,
  },
  DATE: { element: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } }, encode: date },
  TIMESTAMP: {
    element: {
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    },
    encode: timestamp,
  },
  BYTES: { element: { type: 'BYTE_ARRAY' }, encode: bytes },
  JSON: { element: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } }, encode: json },
} as const satisfies Readonly<Record<string, Column>>;

export type ParquetType = keyof typeof COLUMNS;
export const PARQUET_TYPES = Object.keys(COLUMNS) as readonly ParquetType[];

export type ParquetRow = { readonly operation: string; readonly recordId: string; readonly row: JsonObject };
/** Encoded values by column, or why the row cannot be written. */
export type Encoded = ReadonlyMap<string, unknown> | UnfitValue;

/** `types` are the mapping's; other columns are text. */
export function encodeParquetRow(
  { operation, recordId, row }: ParquetRow,
  types: ReadonlyMap<string, ParquetType>,
): Encoded {
  const encoded = new Map<string, unknown>([
    [OPERATION_COLUMN, operation],
    [RECORD_ID_COLUMN, recordId],
  ]);
  for (const [name, value] of Object.entries(row)) {
    if (value === null) {
      encoded.set(name, null);
      continue;
    }
    try {
      encoded.set(name, COLUMNS[types.get(name) ?? 'STRING'].encode(value));
    } catch (error) {
      if (error instanceof UnfitValue) return new UnfitValue(`the column "${name}" ${error.message}`);
      throw error;
    }
  }
  return encoded;
}

/** The columns are the declared ones and all that a row has, in that order. */
export function parquetFile(
  rows: readonly ReadonlyMap<string, unknown>[],
  types: ReadonlyMap<string, ParquetType>,
): Buffer {
  const names = new Set([OPERATION_COLUMN, RECORD_ID_COLUMN, ...types.keys()]);
  for (const row of rows) for (const name of row.keys()) names.add(name);
  const schema: Element[] = [{ name: 'root', num_children: names.size }];
  for (const name of names) {
    const { element }: Column = COLUMNS[types.get(name) ?? 'STRING'];
    schema.push({ ...element, name, repetition_type: 'OPTIONAL' });
  }
  const columnData = [...names].map((name) => ({ name, data: rows.map((row) => row.get(name) ?? null) }));
  return Buffer.from(parquetWriteBuffer({ columnData, schema, createdBy: 'sluice' }));
}

function textOf(value: Exclude<JsonValue, null>): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function int64(value: Exclude<JsonValue, null>): bigint {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,19}$/.test(text)) throw new UnfitValue('takes whole numbers (INT64)');
  const number = BigInt(text);
  if (number < INT64_MIN || number > INT64_MAX) throw new UnfitValue('takes numbers of 64 bits (INT64)');
  return number;
}

function float64(value: Exclude<JsonValue, null>): number {
  if (typeof value === 'number') return value;
  const special: Readonly<Record<string, number>> = {
    NaN,
    Infinity,
    '-Infinity': -Infinity,
    Inf: Infinity,
    '-Inf': -Infinity,
  };
  if (typeof value === 'string') {
    const number = special[value] ?? (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined);
    if (number !== undefined) return number;
  }
  throw new UnfitValue('takes numbers (FLOAT64)');
}

function boolean(value: Exclude<JsonValue, null>): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new UnfitValue('takes true and false (BOOL)');
}

/** Unscaled, as the writer wants it. */
function numeric(value: Exclude<JsonValue, null>): bigint {
  const text = typeof value === 'number' ? String(value) : value;
  const [, sign, whole = '', fraction = ''] = (typeof text === 'string' && /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)) || [];
  const digits = fraction.replace(/0+$/, '');
  if (whole === '' || digits.length > NUMERIC.scale || whole.replace(/^0+/, '').length > NUMERIC.digits - NUMERIC.scale)
    throw new UnfitValue('takes decimals with 29 digits before and 9 after the point (NUMERIC)');
  const unscaled = BigInt(whole + digits.padEnd(NUMERIC.scale, '0'));
  return sign === '-' ? -unscaled : unscaled;
}

/** Days since 1970. */
function date(value: Exclude<JsonValue, null>): number {
  const time = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : NaN;
  if (Number.isNaN(time)) throw new UnfitValue('takes dates like 2026-01-31 (DATE)');
  return Math.round(time / DAY_MS);
}

/** Microseconds since 1970. */
function timestamp(value: Exclude<JsonValue, null>): bigint {
  const form = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z| UTC|[+-]\d{2}:\d{2})$/;
  const [, day, time, fraction = '', zone] = (typeof value === 'string' && form.exec(value)) || [];
  const millis = day === undefined ? NaN : Date.parse(`${day}T${time}${zone === ' UTC' ? 'Z' : zone}`);
  if (Number.isNaN(millis)) throw new UnfitValue('takes times like 2026-01-31T12:00:00.123456Z (TIMESTAMP)');
  return BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

function bytes(value: Exclude<JsonValue, null>): Uint8Array {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0)
    throw new UnfitValue('takes bytes in base 64 (BYTES)');
  return Buffer.from(value, 'base64');
}

// The writer makes the text.
function json(value: Exclude<JsonValue, null>): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    throw new UnfitValue('takes JSON (JSON)');
  }
}

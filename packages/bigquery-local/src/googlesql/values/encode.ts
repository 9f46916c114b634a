// DuckDB result chunks → the rows of BigQuery's REST answers. The hot path of paging:
// it goes column by column over the vectors' flat storage and makes no DuckDB value objects
// for lists and structs.
import {
  DuckDBListVector,
  DuckDBStructVector,
  type DuckDBBlobValue,
  type DuckDBDataChunk,
  type DuckDBDateValue,
  type DuckDBDecimalValue,
  type DuckDBIntervalValue,
  type DuckDBTimestampValue,
  type DuckDBTimeValue,
  type DuckDBVector,
} from '@duckdb/node-api';
import { BigQueryError } from '../../bigquery-error.ts';
import type { GType } from '../types.ts';
import { BIGNUMERIC_SCALE, unscaledBignumeric } from './bignumeric.ts';
import {
  dateText,
  datetimeText,
  decimalText,
  floatText,
  intervalText,
  timestampSecondsText,
  timeText,
} from './text.ts';

export type EncodedRow = { f: { v: unknown }[] };

export type EncodeOptions = {
  /** `formatOptions.useInt64Timestamp`: microseconds in place of seconds with a fraction. */
  readonly useInt64Timestamp: boolean;
};

type Reader = (index: number) => unknown;

/** Rows in REST form (`{f:[{v}]}`). Column i of the chunk must hold DuckDB values of `duckdbType(types[i])`. */
export function encodeChunk(chunk: DuckDBDataChunk, types: readonly GType[], options: EncodeOptions): EncodedRow[] {
  const rowCount = chunk.rowCount;
  if (chunk.columnCount < types.length) {
    throw new BigQueryError('internalError', `The result has ${chunk.columnCount} columns, its schema ${types.length}`);
  }
  const readers = types.map((type, i) => reader(chunk.getColumnVector(i), type, options));
  const rows: EncodedRow[] = [];
  for (let row = 0; row < rowCount; row++) {
    const cells: { v: unknown }[] = [];
    for (const read of readers) cells.push({ v: read(row) });
    rows.push({ f: cells });
  }
  return rows;
}

/** Reads the wire form of one scalar from a vector; `encode` takes what vectors of its type hold. */
function scalar(vector: DuckDBVector, encode: (value: never) => unknown): Reader {
  return (index) => {
    const value: unknown = vector.getItem(index);
    return value === null ? null : encode(value as never);
  };
}

function reader(vector: DuckDBVector, type: GType, options: EncodeOptions): Reader {
  switch (type.kind) {
    case 'INT64':
      return scalar(vector, (value: bigint | number) => String(value));
    case 'FLOAT64':
      return scalar(vector, floatText);
    case 'BOOL':
      return scalar(vector, (value: boolean) => (value ? 'true' : 'false'));
    case 'STRING':
    case 'JSON':
    case 'GEOGRAPHY':
      return (index) => vector.getItem(index);
    case 'BYTES':
      return scalar(vector, ({ bytes }: DuckDBBlobValue) =>
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
      );
    case 'DATE':
      return scalar(vector, (value: DuckDBDateValue) => dateText(value.days));
    case 'DATETIME':
      return scalar(vector, (value: DuckDBTimestampValue) => datetimeText(value.micros));
    case 'TIMESTAMP':
      return scalar(vector, ({ micros }: DuckDBTimestampValue) =>
        options.useInt64Timestamp ? micros.toString() : timestampSecondsText(micros),
      );
    case 'TIME':
      return scalar(vector, (value: DuckDBTimeValue) => timeText(value.micros));
    case 'NUMERIC':
      return scalar(vector, (value: DuckDBDecimalValue) => decimalText(value.value, value.scale));
    case 'INTERVAL':
      return scalar(vector, (value: DuckDBIntervalValue) => intervalText(value.months, value.days, value.micros));
    case 'ARRAY':
      return arrayReader(vector, type.element, options);
    case 'STRUCT':
      return structReader(
        vector,
        type.fields.map((field) => field.type),
        options,
      );
    case 'BIGNUMERIC':
      return scalar(vector, (value: string) => decimalText(unscaledBignumeric(value), BIGNUMERIC_SCALE));
    case 'RANGE':
      return rangeReader(vector, type.element, options);
  }
}

function arrayReader(vector: DuckDBVector, element: GType, options: EncodeOptions): Reader {
  if (!(vector instanceof DuckDBListVector)) throw mismatch('ARRAY');
  const read = reader(vector.childVector, element, options);
  return (index) => {
    // A NULL array is an empty one in BigQuery's answers; the entry of a NULL list means nothing.
    const length = vector.getEntryLength(index);
    if (length === 0 || vector.getItemVector(index) === null) return [];
    const start = vector.getEntryOffset(index);
    const items: { v: unknown }[] = [];
    for (let i = 0; i < length; i++) items.push({ v: read(start + i) });
    return items;
  };
}

function structReader(vector: DuckDBVector, types: readonly GType[], options: EncodeOptions): Reader {
  if (!(vector instanceof DuckDBStructVector)) throw mismatch('STRUCT');
  const readers = types.map((type, i) => reader(vector.entryVectorAt(i), type, options));
  return (index) => (vector.isItemValid(index) ? { f: readers.map((read) => ({ v: read(index) })) } : null);
}

/** `[start, end)`; DuckDB's infinities stand for UNBOUNDED. */
function rangeReader(vector: DuckDBVector, element: GType, options: EncodeOptions): Reader {
  if (!(vector instanceof DuckDBStructVector)) throw mismatch('RANGE');
  const bounds = [vector.entryVectorAt(0), vector.entryVectorAt(1)].map((bound) => {
    const read = reader(bound, element, options);
    return (index: number): unknown => {
      const value = bound.getItem(index) as DuckDBDateValue | DuckDBTimestampValue;
      return value.isFinite ? read(index) : 'UNBOUNDED';
    };
  });
  return (index) => (vector.isItemValid(index) ? `[${String(bounds[0]!(index))}, ${String(bounds[1]!(index))})` : null);
}

function mismatch(kind: string): BigQueryError {
  return new BigQueryError('internalError', `The result holds no ${kind} where its schema has one`);
}

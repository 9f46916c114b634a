// Values that a query gave, as a script's variables hold them: the reverse of
// `literalSql` of googlesql/values/literal.ts.
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { BigQueryError } from '../../bigquery-error.ts';
import { typeName, type GType, type Value } from '../types.ts';
import { BIGNUMERIC_SCALE, unscaledBignumeric } from '../values/bignumeric.ts';
import { dateText, datetimeText, decimalText, timeText } from '../values/text.ts';

const INFINITE_DAYS = 2 ** 31 - 1;
const INFINITE_MICROS = 2n ** 63n - 1n;

/** `value` is what a vector of `duckdbType(type)` holds. */
export function storedValue(value: DuckDBValue, type: GType): Value {
  if (value === null) return null;
  switch (type.kind) {
    case 'INT64':
      if (typeof value === 'bigint' || typeof value === 'number') return BigInt(value);
      break;
    case 'FLOAT64':
      if (typeof value === 'number') return value;
      break;
    case 'BOOL':
      if (typeof value === 'boolean') return value;
      break;
    case 'STRING':
    case 'JSON':
    case 'GEOGRAPHY':
      if (typeof value === 'string') return value;
      break;
    case 'BIGNUMERIC':
      if (typeof value === 'string') return decimalText(unscaledBignumeric(value), BIGNUMERIC_SCALE);
      break;
    case 'NUMERIC':
      if (value instanceof DuckDBDecimalValue) return decimalText(value.value, value.scale);
      break;
    case 'BYTES':
      // The vector's memory goes with its chunk.
      if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
      break;
    case 'DATE':
      if (value instanceof DuckDBDateValue) return dateText(value.days);
      break;
    case 'TIME':
      if (value instanceof DuckDBTimeValue) return timeText(value.micros);
      break;
    case 'DATETIME':
      if (value instanceof DuckDBTimestampValue) return datetimeText(value.micros).replace('T', ' ');
      break;
    case 'TIMESTAMP':
      if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return value.micros;
      break;
    case 'INTERVAL':
      if (value instanceof DuckDBIntervalValue)
        return { months: BigInt(value.months), days: BigInt(value.days), micros: value.micros };
      break;
    case 'ARRAY':
      if (value instanceof DuckDBListValue) return value.items.map((item) => storedValue(item, type.element));
      break;
    case 'STRUCT':
      if (value instanceof DuckDBStructValue)
        return type.fields.map((field, i) => storedValue(value.entries[`f${i}`] ?? null, field.type));
      break;
    case 'RANGE':
      if (value instanceof DuckDBStructValue)
        return ['f0', 'f1'].map((bound) => {
          const entry = value.entries[bound] ?? null;
          return isInfinite(entry) ? null : storedValue(entry, type.element);
        });
      break;
  }
  throw new BigQueryError('internalError', `A result holds no ${typeName(type)} where its schema has one`);
}

function isInfinite(value: DuckDBValue): boolean {
  if (value instanceof DuckDBDateValue) return Math.abs(value.days) === INFINITE_DAYS;
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return value.micros === INFINITE_MICROS || value.micros === -INFINITE_MICROS;
  return false;
}

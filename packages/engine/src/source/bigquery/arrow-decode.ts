// Decodes Arrow record batches of the Storage Read API into the JSON values that `decode.ts`
// makes of REST rows, so that nobody can tell how a table was read. Works on Arrow's
// buffers: the values of apache-arrow's vectors lose microseconds and cost an object each.
import { isAscii } from 'node:buffer';
import type { Data, RecordBatch } from 'apache-arrow';
import { AppError } from '@sluice/core';
import type { JsonObject, JsonValue } from '@sluice/core';
import { parseJson } from '../json.ts';
import type { FieldSchema } from './decode.ts';
import {
  dateText,
  datetimeText,
  decimalText,
  floatValue,
  intervalText,
  timestampText,
  timestampTextOf,
  timeText,
} from './value-text.ts';

type Read = (index: number) => JsonValue;

/** Rows `from` to `to` of a batch, whose columns are the fields in order. */
export type BatchRows = (batch: RecordBatch) => { readonly count: number; row(index: number): JsonObject };

/** `nest`: gathers the columns of a name prefix, without it, in one object `columns`. */
export function compileBatchDecoder(fields: readonly FieldSchema[], nest?: string): BatchRows {
  const isInner = (field: FieldSchema): boolean => nest !== undefined && field.name.startsWith(nest);
  return (batch) => {
    const columns = fields.map((field) => {
      const at = batch.schema.fields.findIndex(({ name }) => name === field.name);
      const data = batch.data.children[at];
      if (data === undefined) throw protocolError(`column ${field.name} is missing`);
      return {
        name: isInner(field) ? field.name.slice(nest!.length) : field.name,
        inner: isInner(field),
        read: reader(data, field),
      };
    });
    const outer = objectsOf(columns.filter(({ inner }) => !inner));
    const inner = objectsOf(columns.filter((column) => column.inner));
    return {
      count: batch.numRows,
      row: (index) => {
        const row = outer(index);
        if (nest !== undefined) row['columns'] = inner(index);
        return row;
      },
    };
  };
}

/** Objects are copies of one that has all members: built member by member they would move as they grow. */
function objectsOf(columns: readonly { readonly name: string; readonly read: Read }[]): (index: number) => JsonObject {
  const names = columns.map(({ name }) => name);
  const reads = columns.map(({ read }) => read);
  const empty: JsonObject = Object.fromEntries(names.map((name) => [name, null]));
  return (index) => {
    const out = { ...empty };
    for (let i = 0; i < reads.length; i += 1) out[names[i]!] = reads[i]!(index);
    return out;
  };
}

function reader(data: Data, field: FieldSchema): Read {
  if (field.mode !== 'REPEATED') return nullable(data, scalarReader(data, field));
  const [items] = data.children;
  if (items === undefined) throw protocolError(`column ${field.name} is no list`);
  const read = nullable(items, scalarReader(items, field));
  const offsets = data.valueOffsets;
  return (index) => {
    const list: JsonValue[] = [];
    for (let i = offsets[index]!; i < offsets[index + 1]!; i += 1) list.push(read(i));
    return list;
  };
}

function nullable(data: Data, read: Read): Read {
  if (data.nullCount === 0) return read;
  const bits = data.nullBitmap;
  const { offset } = data;
  return (index) => {
    const at = index + offset;
    return ((bits[at >> 3]! >> (at & 7)) & 1) === 0 ? null : read(index);
  };
}

function scalarReader(data: Data, field: FieldSchema): Read {
  switch (field.type) {
    case 'INT64':
    case 'INTEGER':
      return integers(data);
    case 'FLOAT64':
    case 'FLOAT': {
      const values = data.values as Float64Array;
      return (index) => floatValue(values[index]!);
    }
    case 'BOOL':
    case 'BOOLEAN': {
      const bits = data.values as Uint8Array;
      const { offset } = data;
      return (index) => ((bits[(index + offset) >> 3]! >> ((index + offset) & 7)) & 1) === 1;
    }
    case 'BYTES':
      return slices(data, (bytes, from, to) => bytes.toString('base64', from, to));
    case 'JSON':
      return slices(data, (bytes, from, to) => parseJson(bytes.toString('utf8', from, to)));
    case 'STRING':
    case 'GEOGRAPHY':
      return texts(data);
    case 'NUMERIC':
      return decimals(data, 2, 9);
    case 'BIGNUMERIC':
      return decimals(data, 4, 38);
    case 'DATE': {
      const days = data.values as Int32Array;
      return (index) => dateText(days[index]!);
    }
    case 'TIME':
      return micros(data, timeText);
    case 'DATETIME':
      return micros(data, datetimeText);
    case 'TIMESTAMP':
      return timestamps(data);
    case 'INTERVAL': {
      const words = data.values as Int32Array;
      const { buffer, byteOffset, byteLength } = words;
      const view = new DataView(buffer, byteOffset, byteLength);
      return (index) =>
        intervalText(
          view.getInt32(index * 16, true),
          view.getInt32(index * 16 + 4, true),
          view.getBigInt64(index * 16 + 8, true) / 1000n,
        );
    }
    case 'STRUCT':
    case 'RECORD': {
      const fields = (field.fields ?? []).map((inner, i) => {
        const child = data.children[i];
        if (child === undefined) throw protocolError(`field ${inner.name} of ${field.name} is missing`);
        return { name: inner.name, read: reader(child, inner) };
      });
      return objectsOf(fields);
    }
    case 'RANGE': {
      const type = field.rangeElementType?.type;
      const [start, end] = data.children;
      if (type === undefined || start === undefined || end === undefined)
        throw protocolError(`column ${field.name} is no range`);
      const text = (bound: Data): Read =>
        nullable(
          bound,
          scalarReader(bound, { name: field.name, type: type === 'TIMESTAMP' ? 'TIMESTAMP_BOUND' : type }),
        );
      const from = text(start);
      const to = text(end);
      return (index) => `[${boundText(from(index))}, ${boundText(to(index))})`;
    }
    case 'TIMESTAMP_BOUND': {
      // REST writes the bounds of a range of timestamps as microseconds, as it does timestamps.
      const values = data.values as BigInt64Array;
      return (index) => String(values[index]);
    }
    default:
      throw protocolError(`type ${field.type} of column ${field.name} is unknown`);
  }
}

function boundText(value: JsonValue): string {
  return typeof value === 'string' ? value : 'UNBOUNDED';
}

function integers(data: Data): Read {
  const values = data.values as BigInt64Array;
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return (index) => {
    const high = words[index * 2 + 1]!;
    // Safe integers have 53 bits.
    if (high >= -0x20_0000 && high < 0x20_0000) {
      const value = high * 0x1_0000_0000 + (words[index * 2]! >>> 0);
      if (Number.isSafeInteger(value)) return value;
    }
    return String(values[index]);
  };
}

/** Without a BigInt for the years that a double holds to the microsecond, 1684 to 2255. */
function timestamps(data: Data): Read {
  const values = data.values as BigInt64Array;
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return (index) => {
    const high = words[index * 2 + 1]!;
    return high >= -0x20_0000 && high < 0x20_0000
      ? timestampTextOf(high * 0x1_0000_0000 + (words[index * 2]! >>> 0))
      : timestampText(values[index]!);
  };
}

function micros(data: Data, text: (micros: bigint) => string): Read {
  const values = data.values as BigInt64Array;
  return (index) => text(values[index]!);
}

/** `words`: 64-bit words of one value, least significant first, in two's complement. */
function decimals(data: Data, words: number, scale: number): Read {
  const { buffer, byteOffset, byteLength } = data.values as Uint32Array;
  const view = new DataView(buffer, byteOffset, byteLength);
  return (index) => {
    let value = view.getBigInt64((index * words + words - 1) * 8, true);
    for (let word = words - 2; word >= 0; word -= 1)
      value = (value << 64n) | view.getBigUint64((index * words + word) * 8, true);
    return decimalText(value, scale);
  };
}

/** Rows whose texts are decoded together. */
const TEXT_ROWS = 512;

/**
 * Texts cost a call into C++ each, so that those of many rows are taken out at once and cut
 * apart here. Only ASCII: elsewhere bytes and characters are not the same.
 */
function texts(data: Data): Read {
  const { buffer, byteOffset, byteLength } = data.values as Uint8Array;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const offsets = data.valueOffsets;
  let from = 0;
  let to = 0;
  let first = 0;
  let together: string | undefined;
  return (index) => {
    if (index < from || index >= to) {
      from = index;
      to = Math.min(index + TEXT_ROWS, data.length);
      first = offsets[from]!;
      const part = bytes.subarray(first, offsets[to]);
      together = isAscii(part) ? part.toString('latin1') : undefined;
    }
    const start = offsets[index]!;
    const end = offsets[index + 1]!;
    return together === undefined ? bytes.toString('utf8', start, end) : together.slice(start - first, end - first);
  };
}

function slices(data: Data, read: (bytes: Buffer, from: number, to: number) => JsonValue): Read {
  const { buffer, byteOffset, byteLength } = data.values as Uint8Array;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const offsets = data.valueOffsets;
  return (index) => read(bytes, offsets[index], offsets[index + 1]);
}

function protocolError(what: string): AppError {
  return new AppError(`The Storage Read API sent rows that do not fit the table: ${what}`, {
    code: 'SOURCE_PROTOCOL',
    kind: 'internal',
    origin: 'source',
  });
}

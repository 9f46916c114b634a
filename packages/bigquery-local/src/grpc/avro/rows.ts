// Rows in Avro's binary encoding ("Data Serialization and Deserialization" of the Avro
// specification), one after the other without a container file, from chunks of DuckDB.
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
import { unscaledBignumeric } from '../../googlesql/values/bignumeric.ts';
import { datetimeText, intervalText } from '../../googlesql/values/text.ts';
import { listEntries } from '../vector-data.ts';
import type { ReadColumn } from '../read-column.ts';

type Write = (index: number) => void;

export class AvroRowsWriter {
  readonly #columns: readonly ReadColumn[];
  readonly #out = new AvroOutput();
  rows = 0;

  constructor(columns: readonly ReadColumn[]) {
    this.#columns = columns;
  }

  get bytes(): number {
    return this.#out.length;
  }

  append(chunk: DuckDBDataChunk): void {
    const { rowCount } = chunk;
    const writers = this.#columns.map((column, i) => valueWriter(this.#out, chunk.getColumnVector(i), column));
    for (let row = 0; row < rowCount; row++) for (const write of writers) write(row);
    this.rows += rowCount;
  }

  finish(): Uint8Array {
    return this.#out.finish();
  }
}

function valueWriter(out: AvroOutput, vector: DuckDBVector, column: ReadColumn): Write {
  if (column.repeated) return listWriter(out, vector, column);
  const write = scalarWriter(out, vector, column);
  if (column.required) return write;
  const isNull = nullTest(vector, column);
  return (index) => {
    if (isNull(index)) out.long(0n);
    else {
      out.long(1n);
      write(index);
    }
  };
}

function nullTest(vector: DuckDBVector, column: ReadColumn): (index: number) => boolean {
  if (vector instanceof DuckDBStructVector) return (index) => !vector.isItemValid(index);
  if (column.type !== 'DATE' && column.type !== 'TIMESTAMP' && column.type !== 'DATETIME')
    return (index) => vector.getItem(index) === null;
  return (index) => {
    const value = vector.getItem(index) as { readonly isFinite?: boolean } | null;
    // Only the ends of a RANGE are infinite: UNBOUNDED.
    return value === null || value.isFinite === false;
  };
}

function listWriter(out: AvroOutput, vector: DuckDBVector, column: ReadColumn): Write {
  if (!(vector instanceof DuckDBListVector)) throw new Error('The result holds no list where its schema has one.');
  const write = scalarWriter(out, vector.childVector, column);
  const entries = listEntries(vector);
  return (index) => {
    const length = vector.getItemVector(index) === null ? 0 : Number(entries[index * 2 + 1]);
    const start = Number(entries[index * 2]);
    if (length > 0) out.long(BigInt(length));
    for (let i = start; i < start + length; i++) write(i);
    out.long(0n);
  };
}

/** Writes a value that is not NULL. */
function scalarWriter(out: AvroOutput, vector: DuckDBVector, column: ReadColumn): Write {
  // `write` takes what vectors of its type hold.
  const item = (write: (value: never) => void): Write => {
    return (index) => write(vector.getItem(index) as never);
  };
  switch (column.type) {
    case 'INT64':
      return item((value: bigint) => out.long(value));
    case 'FLOAT64':
      return item((value: number) => out.double(value));
    case 'BOOL':
      return item((value: boolean) => out.byte(value ? 1 : 0));
    case 'STRING':
    case 'JSON':
    case 'GEOGRAPHY':
      return item((value: string) => out.text(value));
    case 'BYTES':
      return item(({ bytes }: DuckDBBlobValue) => out.bytes(bytes));
    case 'DATE':
      return item(({ days }: DuckDBDateValue) => out.long(BigInt(days)));
    case 'TIME':
      return item(({ micros }: DuckDBTimeValue) => out.long(micros));
    case 'TIMESTAMP':
      return item(({ micros }: DuckDBTimestampValue) => out.long(micros));
    case 'DATETIME':
      return item(({ micros }: DuckDBTimestampValue) => out.text(datetimeText(micros)));
    case 'INTERVAL':
      return item(({ months, days, micros }: DuckDBIntervalValue) => out.text(intervalText(months, days, micros)));
    case 'NUMERIC':
      return item(({ value }: DuckDBDecimalValue) => out.bytes(bigEndian(value)));
    case 'BIGNUMERIC':
      return item((stored: string) => out.bytes(bigEndian(unscaledBignumeric(stored))));
    case 'STRUCT':
    case 'RANGE': {
      if (!(vector instanceof DuckDBStructVector))
        throw new Error('The result holds no struct where its schema has one.');
      const fields = column.fields.map((field, i) => valueWriter(out, vector.entryVectorAt(i), field));
      return (index) => {
        for (const write of fields) write(index);
      };
    }
  }
}

/** Two's complement, the fewest bytes. */
export function bigEndian(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length++;
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return bytes;
}

class AvroOutput {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** Zigzag, seven bits a byte. */
  long(value: bigint): void {
    this.#reserve(10);
    if (value >= -1_000_000_000n && value <= 1_000_000_000n) {
      const small = Number(value);
      let rest = small < 0 ? -2 * small - 1 : 2 * small;
      while (rest > 127) {
        this.#buffer[this.#length++] = (rest & 127) | 128;
        rest = Math.floor(rest / 128);
      }
      this.#buffer[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest > 127n) {
      this.#buffer[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.long(BigInt(bytes));
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.long(BigInt(value.byteLength));
    this.#reserve(value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
  }
}

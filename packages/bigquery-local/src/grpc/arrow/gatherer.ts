// One column of a record batch, gathered from the vectors of several chunks of DuckDB:
// fixed-width values and bitmaps are copied as they lie, text in pieces, and no value
// becomes a JavaScript object. The vectors must live until `finish` was written.
import { DuckDBListVector, DuckDBStructVector, type DuckDBVector } from '@duckdb/node-api';
import { BigQueryError } from '../../bigquery-error.ts';
import { unscaledBignumeric } from '../../googlesql/values/bignumeric.ts';
import { fixedBytes, listEntries, StringReader, validityBits } from '../vector-data.ts';
import type { ReadColumn } from '../read-column.ts';
import { bytesPart, type Layout } from './part.ts';
import { isValid, ValidityGatherer } from './validity.ts';

export interface Gatherer {
  /** Values `start` to `start + count` of a vector of this column's type. */
  append(vector: DuckDBVector, start: number, count: number): void;
  /** Adds the nodes and buffers of this column and those below it. */
  finish(layout: Layout): void;
  /** Bytes so far, about. */
  readonly bytes: number;
}

export function gathererOf(column: ReadColumn): Gatherer {
  return column.repeated ? new Lists(scalarOf(column)) : scalarOf(column);
}

function scalarOf(column: ReadColumn): Gatherer {
  switch (column.type) {
    case 'INT64':
    case 'FLOAT64':
    case 'TIMESTAMP':
    case 'DATETIME':
    case 'TIME':
      return new Fixed(8);
    case 'DATE':
      return new Fixed(4);
    case 'NUMERIC':
      return new Fixed(16);
    case 'BOOL':
      return new Bools();
    case 'STRING':
    case 'JSON':
    case 'BYTES':
    case 'GEOGRAPHY':
      return new Texts();
    case 'BIGNUMERIC':
      return new BigNumerics();
    case 'INTERVAL':
      return new Intervals();
    case 'STRUCT':
      return new Structs(column.fields.map(gathererOf));
    case 'RANGE':
      return new Structs(column.fields.map(({ type }) => new Bounds(type === 'DATE' ? 4 : 8)));
  }
}

/** Values of a fixed width whose bytes are Arrow's. */
class Fixed implements Gatherer {
  readonly #width: number;
  readonly #pieces: Uint8Array[] = [];
  protected readonly validity = new ValidityGatherer();
  bytes = 0;

  constructor(width: number) {
    this.#width = width;
  }

  append(vector: DuckDBVector, start: number, count: number): void {
    const piece = fixedBytes(vector, this.#width, start, count);
    this.#pieces.push(piece);
    this.bytes += piece.byteLength;
    this.validity.append(this.bitsOf(vector, piece, start, count), this.bitsStart(start), count);
  }

  protected bitsOf(vector: DuckDBVector, _piece: Uint8Array, _start: number, _count: number): Uint8Array | undefined {
    return validityBits(vector);
  }

  protected bitsStart(start: number): number {
    return start;
  }

  finish(layout: Layout): void {
    const { nullCount, part, bitmap } = this.validity.finish();
    layout.nodes.push({ length: this.validity.count, nullCount });
    layout.buffers.push(part, {
      byteLength: this.bytes,
      writeTo: (target, at) => {
        let to = at;
        for (const piece of this.#pieces) {
          target.set(piece, to);
          to += piece.byteLength;
        }
        if (bitmap !== undefined) blank(target, at, this.#width, this.validity.count, bitmap);
      },
    });
  }
}

/** What lies in the place of a NULL is nobody's data. */
function blank(target: Uint8Array, at: number, width: number, count: number, bitmap: Uint8Array): void {
  for (let i = 0; i < count; i++) {
    if (!isValid(bitmap, i)) target.fill(0, at + i * width, at + (i + 1) * width);
  }
}

/** Ends of a RANGE: DuckDB's infinities are UNBOUNDED, which Arrow's form has as NULL. */
class Bounds extends Fixed {
  readonly #boundWidth: number;

  constructor(width: number) {
    super(width);
    this.#boundWidth = width;
  }

  protected override bitsOf(vector: DuckDBVector, piece: Uint8Array, start: number, count: number): Uint8Array {
    const valid = validityBits(vector);
    const bits = new Uint8Array((count + 7) >> 3);
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let i = 0; i < count; i++) {
      const finite =
        this.#boundWidth === 4
          ? Math.abs(view.getInt32(i * 4, true)) !== 2 ** 31 - 1
          : BigInt.asIntN(64, view.getBigInt64(i * 8, true) + (2n ** 63n - 1n)) !== 0n &&
            view.getBigInt64(i * 8, true) !== 2n ** 63n - 1n;
      if (finite && isValid(valid, start + i)) bits[i >> 3]! |= 1 << (i & 7);
    }
    return bits;
  }

  protected override bitsStart(): number {
    return 0;
  }
}

class Bools implements Gatherer {
  readonly #pieces: Uint8Array[] = [];
  readonly #validity = new ValidityGatherer();
  bytes = 0;

  append(vector: DuckDBVector, start: number, count: number): void {
    this.#pieces.push(fixedBytes(vector, 1, start, count));
    this.bytes += count >> 3;
    this.#validity.append(validityBits(vector), start, count);
  }

  finish(layout: Layout): void {
    const { nullCount, part, bitmap } = this.#validity.finish();
    const { count } = this.#validity;
    const bits = new Uint8Array((count + 7) >> 3);
    let i = 0;
    for (const piece of this.#pieces) {
      for (const byte of piece) {
        if (byte !== 0 && isValid(bitmap, i)) bits[i >> 3]! |= 1 << (i & 7);
        i++;
      }
    }
    layout.nodes.push({ length: count, nullCount });
    layout.buffers.push(part, bytesPart(bits));
  }
}

/** Values of any length: offsets and bytes. */
class Texts implements Gatherer {
  readonly #pieces: {
    readonly reader: StringReader;
    readonly bits: Uint8Array | undefined;
    readonly start: number;
    readonly count: number;
  }[] = [];
  readonly #validity = new ValidityGatherer();
  #dataBytes = 0;

  get bytes(): number {
    return this.#dataBytes + 4 * this.#validity.count;
  }

  append(vector: DuckDBVector, start: number, count: number): void {
    const reader = new StringReader(vector);
    const bits = validityBits(vector);
    for (let i = start; i < start + count; i++) if (isValid(bits, i)) this.#dataBytes += reader.lengthOf(i);
    this.#pieces.push({ reader, bits, start, count });
    this.#validity.append(bits, start, count);
  }

  finish(layout: Layout): void {
    const { nullCount, part } = this.#validity.finish();
    const { count } = this.#validity;
    const offsets = new Int32Array(count === 0 ? 0 : count + 1);
    let end = 0;
    let n = 0;
    for (const piece of this.#pieces) {
      for (let i = piece.start; i < piece.start + piece.count; i++) {
        if (isValid(piece.bits, i)) end += piece.reader.lengthOf(i);
        offsets[++n] = end;
      }
    }
    layout.nodes.push({ length: count, nullCount });
    layout.buffers.push(part, bytesPart(new Uint8Array(offsets.buffer)), {
      byteLength: this.#dataBytes,
      writeTo: (target, at) => {
        let to = at;
        for (const { reader, bits, start, count: items } of this.#pieces)
          to = reader.copy(start, start + items, bits, target, to);
      },
    });
  }
}

/** Values that are computed one by one into a fixed width. */
abstract class Computed implements Gatherer {
  readonly #pieces: { readonly vector: DuckDBVector; readonly start: number; readonly count: number }[] = [];
  readonly #validity = new ValidityGatherer();
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  get bytes(): number {
    return this.#width * this.#validity.count;
  }

  append(vector: DuckDBVector, start: number, count: number): void {
    this.#pieces.push({ vector, start, count });
    this.#validity.append(validityBits(vector), start, count);
  }

  protected abstract write(vector: DuckDBVector, index: number, target: DataView, at: number): void;

  finish(layout: Layout): void {
    const { nullCount, part } = this.#validity.finish();
    const values = new Uint8Array(this.bytes);
    const view = new DataView(values.buffer);
    let at = 0;
    for (const { vector, start, count } of this.#pieces) {
      const bits = validityBits(vector);
      for (let i = start; i < start + count; i++) {
        if (isValid(bits, i)) this.write(vector, i, view, at);
        at += this.#width;
      }
    }
    layout.nodes.push({ length: this.#validity.count, nullCount });
    layout.buffers.push(part, bytesPart(values));
  }
}

/** DuckDB's months, days and microseconds → Arrow's months, days and nanoseconds. */
class Intervals extends Computed {
  constructor() {
    super(16);
  }

  protected write(vector: DuckDBVector, index: number, target: DataView, at: number): void {
    const piece = fixedBytes(vector, 16, index, 1);
    const view = new DataView(piece.buffer, piece.byteOffset, 16);
    const nanos = view.getBigInt64(8, true) * 1000n;
    if (BigInt.asIntN(64, nanos) !== nanos)
      throw new BigQueryError('invalid', 'An INTERVAL is too long for the nanoseconds of Arrow: read it as Avro.');
    target.setInt32(at, view.getInt32(0, true), true);
    target.setInt32(at + 4, view.getInt32(4, true), true);
    target.setBigInt64(at + 8, nanos, true);
  }
}

class BigNumerics extends Computed {
  constructor() {
    super(32);
  }

  protected write(vector: DuckDBVector, index: number, target: DataView, at: number): void {
    const unscaled = unscaledBignumeric(String(vector.getItem(index)));
    for (let word = 0; word < 4; word++) {
      target.setBigInt64(at + word * 8, BigInt.asIntN(64, unscaled >> BigInt(word * 64)), true);
    }
  }
}

/** A REPEATED field: its lists are never NULL. */
class Lists implements Gatherer {
  readonly #items: Gatherer;
  readonly #lengths: number[] = [];

  constructor(items: Gatherer) {
    this.#items = items;
  }

  get bytes(): number {
    return this.#items.bytes + 4 * this.#lengths.length;
  }

  append(vector: DuckDBVector, start: number, count: number): void {
    if (!(vector instanceof DuckDBListVector)) throw new Error('The result holds no list where its schema has one.');
    const entries = listEntries(vector);
    const bits = validityBits(vector);
    const { childVector } = vector;
    let from = 0;
    let length = 0;
    for (let i = start; i < start + count; i++) {
      const items = isValid(bits, i) ? Number(entries[i * 2 + 1]) : 0;
      this.#lengths.push(items);
      if (items === 0) continue;
      const offset = Number(entries[i * 2]);
      if (offset === from + length) {
        length += items;
        continue;
      }
      if (length > 0) this.#items.append(childVector, from, length);
      from = offset;
      length = items;
    }
    if (length > 0) this.#items.append(childVector, from, length);
  }

  finish(layout: Layout): void {
    const offsets = new Int32Array(this.#lengths.length === 0 ? 0 : this.#lengths.length + 1);
    let end = 0;
    this.#lengths.forEach((length, i) => {
      end += length;
      offsets[i + 1] = end;
    });
    layout.nodes.push({ length: this.#lengths.length, nullCount: 0 });
    layout.buffers.push(bytesPart(new Uint8Array(0)), bytesPart(new Uint8Array(offsets.buffer)));
    this.#items.finish(layout);
  }
}

class Structs implements Gatherer {
  readonly #fields: readonly Gatherer[];
  readonly #validity = new ValidityGatherer();

  constructor(fields: readonly Gatherer[]) {
    this.#fields = fields;
  }

  get bytes(): number {
    return this.#fields.reduce((sum, field) => sum + field.bytes, 0);
  }

  append(vector: DuckDBVector, start: number, count: number): void {
    if (!(vector instanceof DuckDBStructVector))
      throw new Error('The result holds no struct where its schema has one.');
    this.#validity.append(validityBits(vector), start, count);
    this.#fields.forEach((field, i) => field.append(vector.entryVectorAt(i), start, count));
  }

  finish(layout: Layout): void {
    const { nullCount, part } = this.#validity.finish();
    layout.nodes.push({ length: this.#validity.count, nullCount });
    layout.buffers.push(part);
    for (const field of this.#fields) field.finish(layout);
  }
}

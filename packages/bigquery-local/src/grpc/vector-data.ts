// The flat memory of DuckDB's vectors, as typed arrays: what the record batches are copied
// from. The one place that knows how @duckdb/node-api lays its vectors out.
import type { DuckDBVector } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

type Inside = {
  readonly items?: BigInt64Array | Int32Array | Float64Array;
  readonly dataView?: DataView;
  readonly validity: { readonly data: BigUint64Array | null };
  readonly entryData?: BigUint64Array;
};

function inside(vector: DuckDBVector): Inside {
  return vector as unknown as Inside;
}

/** Bytes of `count` values of `width` bytes, from value `start` on; alive as long as the chunk. */
export function fixedBytes(vector: DuckDBVector, width: number, start: number, count: number): Uint8Array {
  const view = inside(vector).items ?? inside(vector).dataView;
  if (view === undefined || view.byteLength < (start + count) * width)
    throw new Error('A vector of DuckDB is not laid out as expected.');
  return new Uint8Array(view.buffer, view.byteOffset + start * width, count * width);
}

/** One bit per value, 1 = not NULL, least significant bit first; undefined when no value is NULL. */
export function validityBits(vector: DuckDBVector): Uint8Array | undefined {
  const { data } = inside(vector).validity;
  return data === null ? undefined : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Offset and length of each list in the child vector, in turn. */
export function listEntries(vector: DuckDBVector): BigUint64Array {
  const { entryData } = inside(vector);
  if (entryData === undefined) throw new Error('A vector of DuckDB is not laid out as expected.');
  return entryData;
}

/** DuckDB's string: 4 bytes of length, then 12 of text, or 4 of prefix and a pointer of 8. */
const STRING_BYTES = 16;
const MAX_INLINE = 12;

/** Lengths and bytes of strings and blobs; neighbours in memory are taken in one piece. */
export class StringReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(vector: DuckDBVector) {
    const view = inside(vector).dataView;
    if (view === undefined) throw new Error('A vector of DuckDB is not laid out as expected.');
    this.#view = view;
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  lengthOf(index: number): number {
    return this.#view.getUint32(index * STRING_BYTES, true);
  }

  /** Writes the bytes of the strings `start` to `end` that are not NULL, one after the other. Returns the end of what was written. */
  copy(start: number, end: number, valid: Uint8Array | undefined, target: Uint8Array, at: number): number {
    const view = this.#view;
    const bytes = this.#bytes;
    let runAt = -1;
    let runBytes = 0;
    let runEnd = 0n;
    for (let i = start; i < end; i++) {
      if (valid !== undefined && ((valid[i >> 3]! >> (i & 7)) & 1) === 0) continue;
      const entry = i * STRING_BYTES;
      const length = view.getUint32(entry, true);
      if (length === 0) continue;
      if (length <= MAX_INLINE) {
        if (runAt >= 0) {
          at = this.#take(runAt, runBytes, target, at);
          runAt = -1;
        }
        for (let j = 0; j < length; j++) target[at + j] = bytes[entry + 4 + j]!;
        at += length;
        continue;
      }
      const pointer = view.getBigUint64(entry + 8, true);
      if (runAt >= 0 && pointer === runEnd) {
        runBytes += length;
      } else {
        if (runAt >= 0) at = this.#take(runAt, runBytes, target, at);
        runAt = entry + 8;
        runBytes = length;
      }
      runEnd = pointer + BigInt(length);
    }
    return runAt >= 0 ? this.#take(runAt, runBytes, target, at) : at;
  }

  #take(pointerAt: number, length: number, target: Uint8Array, at: number): number {
    const { buffer, byteOffset } = this.#view;
    target.set(duckdb.get_data_from_pointer(buffer as ArrayBuffer, byteOffset + pointerAt, length), at);
    return at + length;
  }
}

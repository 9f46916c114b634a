// HLL_COUNT.*: HyperLogLog++ sketches in a form of our own (BigQuery's is not published). Small sets are kept exactly
// as codes of 25 bits of index ("sparse"); larger ones as one register for each of 2^precision indexes ("dense").
// A sketch of ours merges with any other of the same type of input; the lower precision wins.
// Sources: Heule, Nunkesser, Hall, "HyperLogLog in Practice" (2013); Ertl, "New cardinality estimation algorithms for
// HyperLogLog sketches" (2017), whose estimator needs no table of corrections.

const MAGIC = 0xb1;
const HEADER = 4;
const SPARSE_BITS = 25;
/** Hashes have 63 bits: what BIGINT holds without a sign. */
const HASH_BITS = 63;
const TYPES = ['INT64', 'NUMERIC', 'BIGNUMERIC', 'STRING', 'BYTES'];

type Sketch = {
  readonly precision: number;
  readonly type: number;
  /** Index in the upper 25 bits, position of the first one after it in the lower 6. */
  readonly sparse?: ReadonlySet<number>;
  readonly dense?: Uint8Array;
};

/** The sketch of distinct hashes of 63 bits; null without any. */
export function hllInit(hashes: readonly (bigint | null)[], precision: bigint, type: string): Uint8Array | null {
  const codes = new Set<number>();
  for (const hash of hashes) if (hash !== null) codes.add(codeOf(hash));
  if (codes.size === 0) return null;
  return write(compact({ precision: Number(precision), type: TYPES.indexOf(type), sparse: codes }));
}

/** Null without any sketch. */
export function hllMerge(sketches: readonly (Uint8Array | null)[]): Uint8Array | null {
  let merged: Sketch | undefined;
  for (const bytes of sketches) {
    if (bytes === null) continue;
    const sketch = read(bytes);
    merged = merged === undefined ? sketch : union(merged, sketch);
  }
  return merged === undefined ? null : write(compact(merged));
}

/** The estimate of how many distinct values went in. */
export function hllExtract(bytes: Uint8Array): bigint {
  const { sparse, dense, precision } = read(bytes);
  if (sparse !== undefined) {
    const slots = 2 ** SPARSE_BITS;
    const taken = new Set(Array.from(sparse, (code) => Math.floor(code / 64))).size;
    return BigInt(Math.round(slots * Math.log(slots / (slots - taken))));
  }
  return BigInt(Math.round(estimate(dense!, precision)));
}

function codeOf(hash: bigint): number {
  const rest = hash & ((1n << BigInt(HASH_BITS - SPARSE_BITS)) - 1n);
  const index = Number(hash >> BigInt(HASH_BITS - SPARSE_BITS));
  return index * 64 + (HASH_BITS - SPARSE_BITS - rest.toString(2).length + (rest === 0n ? 2 : 1));
}

/** Dense as soon as that is smaller. */
function compact(sketch: Sketch): Sketch {
  if (sketch.sparse === undefined || sketch.sparse.size * 4 <= 2 ** sketch.precision) return sketch;
  return { precision: sketch.precision, type: sketch.type, dense: toDense(sketch, sketch.precision) };
}

function toDense({ sparse, dense, precision }: Sketch, wanted: number): Uint8Array {
  const registers = new Uint8Array(2 ** wanted);
  const put = (index: number, bits: number, rank: number): void => {
    const dropped = bits - wanted;
    const low = index % 2 ** dropped;
    const to = Math.floor(index / 2 ** dropped);
    const height = low === 0 ? dropped + rank : dropped - Math.floor(Math.log2(low));
    if (registers[to]! < height) registers[to] = height;
  };
  for (const code of sparse ?? []) put(Math.floor(code / 64), SPARSE_BITS, code % 64);
  for (const [index, rank] of (dense ?? []).entries()) if (rank > 0) put(index, precision, rank);
  return registers;
}

function union(a: Sketch, b: Sketch): Sketch {
  if (a.type !== b.type) invalid();
  const precision = Math.min(a.precision, b.precision);
  if (a.sparse !== undefined && b.sparse !== undefined)
    return compact({ precision, type: a.type, sparse: new Set([...a.sparse, ...b.sparse]) });
  const [left, right] = [toDense(a, precision), toDense(b, precision)];
  return { precision, type: a.type, dense: left.map((rank, i) => Math.max(rank, right[i]!)) };
}

function write({ precision, type, sparse, dense }: Sketch): Uint8Array {
  const header = [MAGIC, precision, type, sparse === undefined ? 1 : 0];
  if (dense !== undefined) return Buffer.concat([Uint8Array.from(header), dense]);
  const codes = Uint32Array.from(sparse ?? []).toSorted();
  const bytes = Buffer.alloc(HEADER + 4 * codes.length);
  bytes.set(header);
  for (const [i, code] of codes.entries()) bytes.writeUInt32LE(code, HEADER + 4 * i);
  return bytes;
}

function invalid(): never {
  throw new Error(
    'Invalid or incompatible sketch in HLL_COUNT: the local BigQuery reads only sketches that it made itself',
  );
}

function read(bytes: Uint8Array): Sketch {
  const [magic, precision = 0, type = 0, mode] = bytes;
  if (magic !== MAGIC || precision < 10 || precision > 24 || type >= TYPES.length) invalid();
  const body = Buffer.from(bytes.buffer, bytes.byteOffset + HEADER, bytes.length - HEADER);
  if (mode === 1) return body.length === 2 ** precision ? { precision, type, dense: body } : invalid();
  if (mode !== 0 || body.length % 4 !== 0) invalid();
  const sparse = new Set(Array.from({ length: body.length / 4 }, (_, i) => body.readUInt32LE(4 * i)));
  return { precision, type, sparse };
}

function estimate(registers: Uint8Array, precision: number): number {
  const size = registers.length;
  const highest = HASH_BITS - precision;
  const counts = Array.from({ length: highest + 2 }, () => 0);
  for (const rank of registers) counts[rank]!++;
  let z = size * tau(1 - counts[highest + 1]! / size);
  for (let k = highest; k >= 1; k--) z = 0.5 * (z + counts[k]!);
  z += size * sigma(counts[0]! / size);
  return (size * size) / (2 * Math.LN2 * z);
}

function sigma(start: number): number {
  if (start === 1) return Infinity;
  let [x, y, z] = [start, 1, start];
  for (let before = Number.NaN; z !== before;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(start: number): number {
  if (start === 0 || start === 1) return 0;
  let [x, y, z] = [start, 1, 1 - start];
  for (let before = Number.NaN; z !== before;) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}

// Snappy's block format (google/snappy, format_description.txt), as Avro files use it.

/** Throws RangeError for damaged data, and for more than `maxBytes`. */
export function snappyUncompress(data: Uint8Array, maxBytes: number): Buffer {
  let at = 0;
  const next = (): number => {
    const byte = data[at++];
    if (byte === undefined) throw new RangeError('Snappy data ends too early.');
    return byte;
  };
  const little = (bytes: number): number => {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += next() * 256 ** i;
    return value;
  };
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (shift > 28) throw new RangeError('Snappy data has no length.');
    const byte = next();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > maxBytes) throw new RangeError(`Snappy data unpacks to more than ${maxBytes} bytes.`);
  const out = Buffer.allocUnsafe(length);
  let filled = 0;
  while (at < data.length) {
    const tag = next();
    if ((tag & 3) === 0) {
      const short = tag >> 2;
      const count = (short < 60 ? short : little(short - 59)) + 1;
      if (at + count > data.length || filled + count > length) throw new RangeError('Snappy data is damaged.');
      out.set(data.subarray(at, at + count), filled);
      at += count;
      filled += count;
      continue;
    }
    const count = (tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = (tag & 3) === 1 ? (tag >> 5) * 256 + next() : little((tag & 3) === 2 ? 2 : 4);
    if (offset === 0 || offset > filled || filled + count > length) throw new RangeError('Snappy data is damaged.');
    // What is copied may overlap what it is copied to: byte by byte.
    for (let i = 0; i < count; i++, filled++) out[filled] = out[filled - offset]!;
  }
  if (filled !== length) throw new RangeError('Snappy data is damaged.');
  return out;
}

const MIN_MATCH = 4;
const BLOCK_BYTES = 65_536;
const HASH_BITS = 14;

/** In blocks of 64 KiB, with copies found by the hash of four bytes. */
export function snappyCompress(data: Uint8Array): Buffer {
  // The longest form: everything literal, with a tag of three bytes for each 64 KiB at most.
  const out = Buffer.allocUnsafe(32 + data.length + Math.floor(data.length / 6));
  let to = 0;
  let rest = data.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) out[to++] = (rest & 127) | 128;
  out[to++] = rest;
  const literal = (from: number, end: number): void => {
    const count = end - from - 1;
    if (count < 0) return;
    if (count < 60) out[to++] = count << 2;
    else if (count < 256) {
      out[to++] = 60 << 2;
      out[to++] = count;
    } else {
      out[to++] = 61 << 2;
      out[to++] = count & 255;
      out[to++] = count >> 8;
    }
    out.set(data.subarray(from, end), to);
    to += count + 1;
  };
  const copy = (offset: number, length: number): void => {
    for (let left = length; left > 0;) {
      const count = Math.min(left, 64);
      out[to++] = ((count - 1) << 2) | 2;
      out[to++] = offset & 255;
      out[to++] = offset >> 8;
      left -= count;
    }
  };
  const seen = new Int32Array(1 << HASH_BITS);
  for (let block = 0; block < data.length; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, data.length);
    seen.fill(-1);
    let from = block;
    let at = block;
    while (at + MIN_MATCH <= end) {
      const word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
      const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
      const before = seen[hash]!;
      seen[hash] = at;
      let length = 0;
      if (before >= block) while (at + length < end && data[before + length] === data[at + length]) length++;
      if (length < MIN_MATCH) {
        at++;
        continue;
      }
      literal(from, at);
      copy(at - before, length);
      at += length;
      from = at;
    }
    literal(from, end);
  }
  return out.subarray(0, to);
}

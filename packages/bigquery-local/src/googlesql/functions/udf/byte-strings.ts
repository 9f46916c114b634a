// The BYTES forms of the string functions that DuckDB has for text only. Positions and lengths count bytes.
// Source: "String functions" of the GoogleSQL reference.

/** ASCII letters change case, all other bytes stay. */
export function upperBytes(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte));
}

export function lowerBytes(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
}

export function reverseBytes(bytes: Uint8Array): Uint8Array {
  return bytes.toReversed();
}

/** `sides`: `l`, `r` or `lr`. */
export function trimBytes(bytes: Uint8Array, set: Uint8Array, sides: string): Uint8Array {
  let from = 0;
  let to = bytes.length;
  if (sides.includes('l')) while (from < to && set.includes(bytes[from]!)) from++;
  if (sides.includes('r')) while (to > from && set.includes(bytes[to - 1]!)) to--;
  return bytes.subarray(from, to);
}

export function replaceBytes(bytes: Uint8Array, search: Uint8Array, replacement: Uint8Array): Uint8Array {
  if (search.length === 0) return bytes;
  const source = Buffer.from(bytes);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = source.indexOf(search); at >= 0; at = source.indexOf(search, from)) {
    pieces.push(source.subarray(from, at), replacement);
    from = at + search.length;
  }
  pieces.push(source.subarray(from));
  return Buffer.concat(pieces);
}

/** Between empty delimiters lies each byte by itself; without any byte there is one empty piece. */
export function splitBytes(bytes: Uint8Array, delimiter: Uint8Array): Uint8Array[] {
  const source = Buffer.from(bytes);
  if (delimiter.length === 0)
    return source.length === 0 ? [source] : Array.from(source, (_, i) => source.subarray(i, i + 1));
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = source.indexOf(delimiter); at >= 0; at = source.indexOf(delimiter, from)) {
    pieces.push(source.subarray(from, at));
    from = at + delimiter.length;
  }
  pieces.push(source.subarray(from));
  return pieces;
}

/** `side`: `l` or `r`. */
export function padBytes(bytes: Uint8Array, size: bigint, filling: Uint8Array, side: string): Uint8Array {
  const length = Number(size);
  if (bytes.length >= length) return bytes.subarray(0, length);
  const padding = Buffer.alloc(length - bytes.length, filling);
  return side === 'l' ? Buffer.concat([padding, bytes]) : Buffer.concat([bytes, padding]);
}

/** Of a byte that appears twice in `source` GoogleSQL cannot say what it becomes. */
export function translateBytes(bytes: Uint8Array, source: Uint8Array, target: Uint8Array): Uint8Array {
  const map = new Map<number, number | undefined>();
  for (const [i, byte] of source.entries()) {
    if (map.has(byte))
      throw new Error(`Duplicate byte 0x${byte.toString(16).padStart(2, '0')} in TRANSLATE source bytes`);
    map.set(byte, target[i]);
  }
  return Uint8Array.from(
    Array.from(bytes).flatMap((byte) => {
      const found = map.has(byte) ? map.get(byte) : byte;
      return found === undefined ? [] : [found];
    }),
  );
}

/** 1-based position of the n-th occurrence from `position` on; a negative position searches backwards from the end. */
export function instrBytes(bytes: Uint8Array, search: Uint8Array, position: bigint, occurrence: bigint): bigint {
  if (position === 0n) throw new Error('Position must be non-zero');
  if (occurrence < 1n) throw new Error('Occurrence must be positive');
  const at = Number(position);
  const behind = search.length === 0 ? 1 : 0;
  if (Math.abs(at) > bytes.length + behind) return 0n;
  const source = Buffer.from(bytes);
  let left = occurrence;
  const step = at > 0 ? 1 : -1;
  const last = bytes.length - search.length;
  for (let i = at > 0 ? at - 1 : Math.min(bytes.length + at + behind, last); i >= 0 && i <= last; i += step)
    if (source.subarray(i, i + search.length).equals(search) && --left === 0n) return BigInt(i + 1);
  return 0n;
}

/** Bytes as text that shows those that are not printable ASCII as escapes, `ab\x00`, or as a literal, `b"ab\x00"`. */
export function escapedBytes(bytes: Uint8Array, literal: boolean): string {
  const quote = bytes.includes(34) && !bytes.includes(39) ? "'" : '"';
  const text = Array.from(bytes, (byte) => escapedByte(byte, literal ? quote : undefined)).join('');
  return literal ? `b${quote}${text}${quote}` : text;
}

function escapedByte(byte: number, quote: string | undefined): string {
  const char = String.fromCharCode(byte);
  if (char === '\\') return '\\\\';
  if (quote !== undefined && char === quote) return `\\${char}`;
  return byte >= 32 && byte < 127 ? char : `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** Levenshtein distance; with `limit` at most that. */
export function editDistanceBytes(left: Uint8Array, right: Uint8Array, limit: bigint): bigint {
  return editDistance(left, right, limit);
}

export function editDistanceText(left: string, right: string, limit: bigint): bigint {
  const codes = (text: string): number[] => Array.from(text, (c) => c.codePointAt(0)!);
  return editDistance(codes(left), codes(right), limit);
}

const MAX_EDIT_CELLS = 100_000_000;

function editDistance(left: ArrayLike<number>, right: ArrayLike<number>, limit: bigint): bigint {
  if (limit < 0n) throw new Error('EDIT_DISTANCE: max_distance must be non-negative');
  if (left.length * right.length > MAX_EDIT_CELLS)
    throw new Error('EDIT_DISTANCE of texts this long is not supported by the local BigQuery');
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = row[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  const distance = BigInt(row[right.length]!);
  return distance < limit ? distance : limit;
}

// Validity bitmaps of a column, gathered from vectors. Arrow's form is DuckDB's: one bit
// per value, 1 = not NULL, least significant bit first.
import { bytesPart, NO_BYTES, type Part } from './part.ts';

type Piece = { readonly bits: Uint8Array | undefined; readonly start: number; readonly count: number };

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

export class ValidityGatherer {
  readonly #pieces: Piece[] = [];
  #count = 0;
  #hasBits = false;

  get count(): number {
    return this.#count;
  }

  append(bits: Uint8Array | undefined, start: number, count: number): void {
    this.#pieces.push({ bits, start, count });
    this.#count += count;
    this.#hasBits ||= bits !== undefined;
  }

  /** The bitmap, or none when no value is NULL. */
  finish(): { readonly nullCount: number; readonly part: Part; readonly bitmap: Uint8Array | undefined } {
    if (!this.#hasBits) return { nullCount: 0, part: NO_BYTES, bitmap: undefined };
    const bitmap = new Uint8Array((this.#count + 7) >> 3);
    let at = 0;
    for (const { bits, start, count } of this.#pieces) {
      copyBits(bits, start, bitmap, at, count);
      at += count;
    }
    let valid = 0;
    for (const byte of bitmap) valid += ONES[byte]!;
    const nullCount = this.#count - valid;
    return nullCount === 0
      ? { nullCount, part: NO_BYTES, bitmap: undefined }
      : { nullCount, part: bytesPart(bitmap), bitmap };
  }
}

/** Sets `count` bits of `target`, which are 0, from bit `at` on; all of them when there is no source. */
export function copyBits(
  source: Uint8Array | undefined,
  start: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  let done = 0;
  if ((start & 7) === 0 && (at & 7) === 0) {
    const whole = count >> 3;
    if (source === undefined) target.fill(255, at >> 3, (at >> 3) + whole);
    else target.set(source.subarray(start >> 3, (start >> 3) + whole), at >> 3);
    done = whole << 3;
  }
  for (let i = done; i < count; i++) {
    const from = start + i;
    if (source !== undefined && ((source[from >> 3]! >> (from & 7)) & 1) === 0) continue;
    const to = at + i;
    target[to >> 3]! |= 1 << (to & 7);
  }
}

export function isValid(bits: Uint8Array | undefined, index: number): boolean {
  return bits === undefined || ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}

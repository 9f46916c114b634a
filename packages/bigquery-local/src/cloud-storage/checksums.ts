// MD5 and CRC32C (Castagnoli, RFC 3720) of a stream, as the Object resource states them.
import { createHash } from 'node:crypto';

const POLYNOMIAL = 0x82f6_3b78;

/** Tables for eight bytes at a time ("slicing-by-8"). */
const [T0, T1, T2, T3, T4, T5, T6, T7] = makeTables();

type Table = Uint32Array;

function makeTables(): [Table, Table, Table, Table, Table, Table, Table, Table] {
  const table = (): Table => new Uint32Array(256);
  const first = table();
  const tables: ReturnType<typeof makeTables> = [first, table(), table(), table(), table(), table(), table(), table()];
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    first[byte] = value >>> 0;
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = tables[slice - 1]![byte]!;
      tables[slice]![byte] = ((previous >>> 8) ^ first[previous & 0xff]!) >>> 0;
    }
  }
  return tables;
}

/** Continues a CRC32C (0 to begin) with more bytes. */
export function crc32c(data: Uint8Array, before = 0): number {
  let crc = ~before;
  let at = 0;
  const whole = data.length - (data.length % 8);
  while (at < whole) {
    const low = crc ^ (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24));
    crc =
      T7[low & 0xff]! ^
      T6[(low >>> 8) & 0xff]! ^
      T5[(low >>> 16) & 0xff]! ^
      T4[low >>> 24]! ^
      T3[data[at + 4]!]! ^
      T2[data[at + 5]!]! ^
      T1[data[at + 6]!]! ^
      T0[data[at + 7]!]!;
    at += 8;
  }
  for (; at < data.length; at++) crc = (crc >>> 8) ^ T0[(crc ^ data[at]!) & 0xff]!;
  return ~crc >>> 0;
}

export class Checksums {
  readonly #md5 = createHash('md5');
  #crc = 0;

  update(data: Uint8Array): void {
    this.#md5.update(data);
    this.#crc = crc32c(data, this.#crc);
  }

  /** Base64, as in `md5Hash` and `crc32c`. Call once. */
  digest(): { readonly md5: string; readonly crc32c: string } {
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc);
    return { md5: this.#md5.digest('base64'), crc32c: crc.toString('base64') };
  }
}

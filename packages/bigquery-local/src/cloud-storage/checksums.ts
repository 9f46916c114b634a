// MD5 and CRC32C (Castagnoli, RFC 3720) of a stream, as the Object resource states them.
import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';

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

import { expect, test } from 'vitest';
import { Checksums } from './checksums.ts';

test('CRC32C has the value of RFC 3720, appendix B.4', () => {
  const sums = new Checksums();
  sums.update(new Uint8Array(32));
  expect(Buffer.from(sums.digest().crc32c, 'base64').readUInt32BE()).toBe(0x8a91_36aa);
});

test('checksums of pieces are those of the whole', () => {
  const data = Uint8Array.from({ length: 1001 }, (_, i) => (i * 37) % 256);
  const whole = new Checksums();
  whole.update(data);
  const pieces = new Checksums();
  for (let i = 0; i < data.length; i += 13) pieces.update(data.subarray(i, i + 13));
  expect(pieces.digest()).toEqual(whole.digest());
});

test('an empty object has the checksums that Cloud Storage gives', () => {
  expect(new Checksums().digest()).toEqual({ md5: '1B2M2Y8AsgTpgAmY7PhCfg==', crc32c: 'AAAAAA==' });
});

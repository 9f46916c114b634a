import { expect, test } from 'vitest';
import { Checksums, crc32c } from './checksums.ts';

test('CRC32C has the values of RFC 3720, appendix B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
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

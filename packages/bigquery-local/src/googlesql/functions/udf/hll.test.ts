// Sketches: exact while small, close when large, and the same whatever the order and grouping of their merging.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hllExtract, hllInit, hllMerge } from './hll.ts';

const hash = (value: number): bigint => createHash('md5').update(String(value)).digest().readBigUInt64LE() >> 1n;
const hashes = (from: number, to: number): bigint[] => Array.from({ length: to - from }, (_, i) => hash(from + i));

describe('a sketch', () => {
  it('counts a small set exactly', () => {
    expect(hllExtract(hllInit(hashes(0, 3000), 15n, 'INT64')!)).toBe(3000n);
  });

  it.each([10n, 12n, 15n, 18n])('estimates a large set within four standard errors at precision %i', (precision) => {
    const estimate = Number(hllExtract(hllInit(hashes(0, 200_000), precision, 'INT64')!));
    expect(Math.abs(estimate - 200_000) / 200_000).toBeLessThan((4 * 1.04) / Math.sqrt(2 ** Number(precision)));
  });

  it('merges to the very sketch of the union', () => {
    const [left, right] = [hllInit(hashes(0, 60_000), 14n, 'STRING'), hllInit(hashes(30_000, 90_000), 14n, 'STRING')];
    const whole = hllInit(hashes(0, 90_000), 14n, 'STRING');
    expect(hllMerge([left, null, right])).toEqual(whole);
    expect(hllMerge([right, left])).toEqual(whole);
  });

  it('takes the lower precision of two', () => {
    const merged = hllMerge([hllInit(hashes(0, 50_000), 15n, 'BYTES'), hllInit(hashes(0, 50_000), 11n, 'BYTES')]);
    expect(merged).toEqual(hllInit(hashes(0, 50_000), 11n, 'BYTES'));
  });

  it('is NULL of nothing, and refuses what is no sketch or one of another type', () => {
    expect(hllInit([], 15n, 'INT64')).toBeNull();
    expect(hllMerge([null])).toBeNull();
    expect(() => hllExtract(Buffer.from('abc'))).toThrow('Invalid or incompatible sketch');
    expect(() => hllMerge([hllInit([1n], 15n, 'INT64'), hllInit([1n], 15n, 'STRING')])).toThrow(
      'Invalid or incompatible',
    );
  });
});

import { expect, it } from 'vitest';
import { isValid, ValidityGatherer } from './validity.ts';

it('bitmaps are put together from any bit on, to any bit', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 200; round++) {
    const gatherer = new ValidityGatherer();
    const expected: boolean[] = [];
    for (let piece = 0; piece < 1 + random(4); piece++) {
      const bits = random(4) === 0 ? undefined : Uint8Array.from({ length: 32 }, () => random(256));
      const start = random(100);
      const count = random(150);
      gatherer.append(bits, start, count);
      for (let i = start; i < start + count; i++) expected.push(isValid(bits, i));
    }
    const { nullCount, bitmap } = gatherer.finish();
    expect(nullCount).toBe(expected.filter((valid) => !valid).length);
    expect(expected.map((_, i) => isValid(bitmap, i))).toEqual(expected);
    // Bits behind the end are not set.
    const last = (bitmap?.at(-1) ?? 0) >> (expected.length % 8 === 0 ? 8 : expected.length % 8);
    expect(last).toBe(0);
  }
});

it('a column without NULLs has no bitmap', () => {
  const gatherer = new ValidityGatherer();
  gatherer.append(Uint8Array.of(255, 255), 3, 10);
  gatherer.append(undefined, 0, 5);
  const { nullCount, bitmap, part } = gatherer.finish();
  expect([nullCount, bitmap, part.byteLength]).toEqual([0, undefined, 0]);
});

// BIGNUMERIC in DuckDB, which has no decimal of 76 digits: VARCHAR text whose binary order and equality are those of
// the numbers, so that =, <, joins, GROUP BY and ORDER BY need nothing of their own. The text is the value times 10^38
// plus 6 * 10^76 (so never negative), in 78 digits without its trailing zeros: 0 is `06`, 1 is `06…01`.
// Source of range and scale: "Decimal types" of the GoogleSQL reference.

import { withoutTrailingZeros } from './text.ts';

/** Digits after the point. */
export const BIGNUMERIC_SCALE = 38;
export const BIGNUMERIC_ONE = 10n ** BigInt(BIGNUMERIC_SCALE);
/** Unscaled values are those of 256 bits in two's complement. */
const LOWEST = -(2n ** 255n);
const HIGHEST = 2n ** 255n - 1n;
const OFFSET = 6n * 10n ** 76n;
/** Digits of a stored value with all its zeros. */
export const BIGNUMERIC_WIDTH = 78;

export function isBignumeric(unscaled: bigint): boolean {
  return unscaled >= LOWEST && unscaled <= HIGHEST;
}

/** The stored form of a value in range, given times 10^38. */
export function storedBignumeric(unscaled: bigint): string {
  return withoutTrailingZeros((unscaled + OFFSET).toString().padStart(BIGNUMERIC_WIDTH, '0'));
}

/** The value times 10^38 of a stored form. */
export function unscaledBignumeric(stored: string): bigint {
  return BigInt(stored.padEnd(BIGNUMERIC_WIDTH, '0')) - OFFSET;
}

/** What `count` stored forms, added up as whole numbers of 78 digits, stand for, times 10^38. */
export function unscaledSum(sum: bigint, count: bigint): bigint {
  return sum - count * OFFSET;
}

const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?\s*$/;

/** Decimal text times 10^38, rounded half away from zero; undefined for other text and for what is out of range. */
export function parseBignumeric(text: string): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  const shift = Number(exponent) - fraction.length + BIGNUMERIC_SCALE;
  if (digits !== 0n && shift > BIGNUMERIC_WIDTH) return undefined;
  const magnitude =
    digits === 0n
      ? 0n
      : shift >= 0
        ? digits * 10n ** BigInt(shift)
        : divideRounded(digits, 10n ** BigInt(Math.min(-shift, whole.length + fraction.length + 1)));
  const value = sign === '-' ? -magnitude : magnitude;
  return isBignumeric(value) ? value : undefined;
}

/** Half away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const [a, b] = [dividend < 0n ? -dividend : dividend, divisor < 0n ? -divisor : divisor];
  const rounded = (2n * a + b) / (2n * b);
  return negative ? -rounded : rounded;
}

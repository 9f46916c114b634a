// BIGNUMERIC arithmetic on the stored form of `values/bignumeric.ts`, exact integers underneath.
// Results are rounded half away from zero at 38 digits; what leaves the range is an error with the call's text.
// Source: "Decimal types" and "Mathematical functions" of the GoogleSQL reference.
import {
  BIGNUMERIC_ONE,
  BIGNUMERIC_SCALE,
  divideRounded,
  isBignumeric,
  parseBignumeric,
  storedBignumeric,
  unscaledBignumeric,
  unscaledSum,
} from '../../values/bignumeric.ts';
import { decimalText } from '../../values/text.ts';
import { fraction } from './float.ts';

const read = unscaledBignumeric;

function text(value: bigint): string {
  return decimalText(value, BIGNUMERIC_SCALE);
}

function write(value: bigint, call: () => string): string {
  if (!isBignumeric(value)) throw new Error(`BIGNUMERIC overflow: ${call()}`);
  return storedBignumeric(value);
}

function binary(symbol: string, compute: (a: bigint, b: bigint) => bigint): (a: string, b: string) => string {
  return (a, b) => {
    const [x, y] = [read(a), read(b)];
    return write(compute(x, y), () => `${text(x)} ${symbol} ${text(y)}`);
  };
}

function nonZero(divisor: bigint, call: () => string): bigint {
  if (divisor === 0n) throw new Error(`division by zero: ${call()}`);
  return divisor;
}

export const add = binary('+', (a, b) => a + b);
export const subtract = binary('-', (a, b) => a - b);
export const multiply = binary('*', (a, b) => divideRounded(a * b, BIGNUMERIC_ONE));
export const divide = binary('/', (a, b) =>
  divideRounded(
    a * BIGNUMERIC_ONE,
    nonZero(b, () => `${text(a)} / ${text(b)}`),
  ),
);

export function div(a: string, b: string): string {
  const [x, y] = [read(a), read(b)];
  const call = (): string => `DIV(${text(x)}, ${text(y)})`;
  return write((x / nonZero(y, call)) * BIGNUMERIC_ONE, call);
}

export function mod(a: string, b: string): string {
  const [x, y] = [read(a), read(b)];
  return storedBignumeric(x % nonZero(y, () => `MOD(${text(x)}, ${text(y)})`));
}

export function negate(a: string): string {
  const x = read(a);
  return write(-x, () => `-(${text(x)})`);
}

export function abs(a: string): string {
  const x = read(a);
  const magnitude = x < 0n ? -x : x;
  if (!isBignumeric(magnitude)) throw new Error(`Floating point overflow in function: ABS(${text(x)})`);
  return storedBignumeric(magnitude);
}

export function sign(a: string): string {
  const x = read(a);
  return storedBignumeric(x === 0n ? 0n : x < 0n ? -BIGNUMERIC_ONE : BIGNUMERIC_ONE);
}

/** Unit of rounding at `digits` after the point; undefined where rounding changes nothing. */
function unit(digits: string): bigint | undefined {
  const n = BigInt(digits);
  if (n >= BigInt(BIGNUMERIC_SCALE)) return undefined;
  return 10n ** (n < -50n ? 88n : BigInt(BIGNUMERIC_SCALE) - n);
}

function atDigits(name: string, cut: (value: bigint, step: bigint) => bigint) {
  return (a: string, digits: string): string => {
    const step = unit(digits);
    if (step === undefined) return a;
    const x = read(a);
    return write(cut(x, step) * step, () => `${name}(${text(x)}, ${digits})`);
  };
}

export const round = atDigits('ROUND', divideRounded);
export const trunc = atDigits('TRUNC', (value, step) => value / step);
/** ROUND with the mode ROUND_HALF_EVEN. */
export const roundEven = atDigits('ROUND', (value, step) => {
  const quotient = divideRounded(value, step);
  const half = 2n * (value % step);
  const isHalf = half === step || half === -step;
  return isHalf && quotient % 2n !== 0n ? quotient - (value < 0n ? -1n : 1n) : quotient;
});

export function floor(a: string): string {
  const x = read(a);
  const whole = x / BIGNUMERIC_ONE;
  return write((x < whole * BIGNUMERIC_ONE ? whole - 1n : whole) * BIGNUMERIC_ONE, () => `FLOOR(${text(x)})`);
}

export function ceil(a: string): string {
  const x = read(a);
  const whole = x / BIGNUMERIC_ONE;
  return write((x > whole * BIGNUMERIC_ONE ? whole + 1n : whole) * BIGNUMERIC_ONE, () => `CEIL(${text(x)})`);
}

/** Plain decimal text without trailing zeros. */
export function toText(a: string): string {
  return text(read(a));
}

/** NULL for text that is no BIGNUMERIC, or one out of range. */
export function fromText(value: string): string | null {
  const parsed = parseBignumeric(value);
  return parsed === undefined ? null : storedBignumeric(parsed);
}

/** The exact value of a double at 38 digits; NULL when it is out of range. `value` is finite. */
export function fromFloat(value: string): string | null {
  const number = Number(value);
  const [numerator, denominator] = fraction(number);
  const magnitude = divideRounded(numerator * BIGNUMERIC_ONE, denominator);
  const signed = number < 0 ? -magnitude : magnitude;
  return isBignumeric(signed) ? storedBignumeric(signed) : null;
}

const NUMERIC_LIMIT = 10n ** 38n;

/** Decimal text at NUMERIC's nine digits; NULL when it is out of NUMERIC's range. */
export function toNumeric(a: string): string | null {
  const scaled = divideRounded(read(a), 10n ** 29n);
  return scaled >= NUMERIC_LIMIT || scaled <= -NUMERIC_LIMIT ? null : decimalText(scaled, 9);
}

/** The nearest whole number, halves away from zero, of any size. */
export function toInteger(a: string): string {
  return divideRounded(read(a), BIGNUMERIC_ONE).toString();
}

/** The three groups of 26 digits of stored values, each added up, and the number of values. */
function sumOf(high: string, middle: string, low: string, count: string): bigint {
  const group = 10n ** 26n;
  return unscaledSum((BigInt(high) * group + BigInt(middle)) * group + BigInt(low), BigInt(count));
}

export function sum(high: string, middle: string, low: string, count: string): string | null {
  return count === '0' ? null : write(sumOf(high, middle, low, count), () => 'SUM');
}

export function average(high: string, middle: string, low: string, count: string): string | null {
  return count === '0' ? null : write(divideRounded(sumOf(high, middle, low, count), BigInt(count)), () => 'AVG');
}

/** PARSE_BIGNUMERIC: spaces, a sign before or after the digits, commas and exponents. */
export function parse(value: string): string {
  const match = /^\s*([+-]?)\s*([\d.,]+(?:[eE][+-]?\d{1,6})?)\s*([+-]?)\s*$/.exec(value);
  const body = match === null || (match[1] !== '' && match[3] !== '') ? '' : match[2]!.replaceAll(',', '');
  const parsed = parseBignumeric(`${match?.[1] === '-' || match?.[3] === '-' ? '-' : ''}${body}`);
  if (parsed === undefined || body === '') throw new Error(`Invalid input to PARSE_BIGNUMERIC: "${value}"`);
  return storedBignumeric(parsed);
}

// SQRT, CBRT, EXP, LN, LOG, LOG10 and POW of NUMERIC and BIGNUMERIC, with 130 digits of working precision and rounded
// half away from zero to the type's scale. Source: "Mathematical functions" of the GoogleSQL reference.
import {
  divideRounded,
  isBignumeric,
  parseBignumeric,
  storedBignumeric,
  unscaledBignumeric,
} from '../../values/bignumeric.ts';
import { decimalText } from '../../values/text.ts';

/** How a type's values come in and go out; unscaled values are times 10^scale. */
type Decimal = {
  readonly name: string;
  readonly overflow: string;
  readonly scale: number;
  read(text: string): bigint;
  write(unscaled: bigint): string;
  fits(unscaled: bigint): boolean;
};

const NUMERIC: Decimal = {
  name: 'NUMERIC',
  overflow: 'numeric',
  scale: 9,
  read: (text) => parseBignumeric(text)! / 10n ** 29n,
  write: (unscaled) => decimalText(unscaled, 9),
  fits: (unscaled) => unscaled < 10n ** 38n && unscaled > -(10n ** 38n),
};

const BIGNUMERIC: Decimal = {
  name: 'BIGNUMERIC',
  overflow: 'BIGNUMERIC',
  scale: 38,
  read: unscaledBignumeric,
  write: storedBignumeric,
  fits: isBignumeric,
};

/** Working precision: fixed point with so many digits after it. */
const DIGITS = 130;
const ONE = 10n ** BigInt(DIGITS);

function widen(value: bigint, type: Decimal): bigint {
  return value * 10n ** BigInt(DIGITS - type.scale);
}

function finish(value: bigint, type: Decimal, call: string): string {
  const rounded = divideRounded(value, 10n ** BigInt(DIGITS - type.scale));
  if (!type.fits(rounded)) throw new Error(`${type.overflow} overflow: ${call}`);
  return type.write(rounded);
}

/** The greatest whole number whose power is at most n. */
function root(n: bigint, power: 2n | 3n): bigint {
  if (n === 0n) return 0n;
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / Number(power)));
  for (;;) {
    const next = ((power - 1n) * x + n / x ** (power - 1n)) / power;
    if (next >= x) return x;
    x = next;
  }
}

/** e^x in fixed point, by halving x until the series is short. */
function exponential(x: bigint): bigint {
  const halvings = 24;
  const small = x / 2n ** BigInt(halvings);
  let [sum, term] = [ONE, ONE];
  for (let i = 1n; term !== 0n; i += 1n) {
    term = (term * small) / (ONE * i);
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / ONE;
  return sum;
}

/** 2 * artanh(z) = ln((1 + z) / (1 - z)) for small z. */
function twiceArtanh(z: bigint): bigint {
  const square = (z * z) / ONE;
  let [sum, power] = [0n, z];
  for (let i = 1n; power !== 0n; i += 2n) {
    sum += power / i;
    power = (power * square) / ONE;
  }
  return 2n * sum;
}

const LN_2 = twiceArtanh(ONE / 3n);

/** ln x of a positive x in fixed point. */
function logarithm(x: bigint): bigint {
  let [value, twos] = [x, 0n];
  while (value > (ONE * 3n) / 2n) {
    value /= 2n;
    twos += 1n;
  }
  while (value < (ONE * 3n) / 4n) {
    value *= 2n;
    twos -= 1n;
  }
  return twiceArtanh(((value - ONE) * ONE) / (value + ONE)) + twos * LN_2;
}

function power(x: bigint, y: bigint, type: Decimal, call: string): bigint {
  const unit = 10n ** BigInt(type.scale);
  const isWhole = y % unit === 0n;
  if (x === 0n) {
    if (y < 0n) throw new Error(`division by zero: ${call}`);
    return y === 0n ? ONE : 0n;
  }
  if (x < 0n && !isWhole)
    throw new Error(`Negative ${type.name} value cannot be raised to a fractional power: ${call}`);
  const exponent = y / unit;
  const magnitude = x < 0n ? -x : x;
  const negative = x < 0n && exponent % 2n !== 0n;
  // Exact for small exponents, so that halves round as they should.
  if (isWhole && exponent >= -200n && exponent <= 200n) {
    const n = exponent < 0n ? -exponent : exponent;
    const [up, down] = [magnitude ** n, unit ** n];
    const result = exponent < 0n ? (down * ONE) / up : (up * ONE) / down;
    return negative ? -result : result;
  }
  const log = (logarithm(widen(magnitude, type)) * y) / unit;
  if (log > 100n * ONE) throw new Error(`${type.overflow} overflow: ${call}`);
  const result = log < -150n * ONE ? 0n : exponential(log);
  return negative ? -result : result;
}

function functionsOf(type: Decimal) {
  const shown = (value: bigint): string => decimalText(value, type.scale);
  const positive = (x: bigint, name: string): void => {
    if (x <= 0n) throw new Error(`${name} is undefined for zero or negative value: ${name}(${shown(x)})`);
  };
  return {
    sqrt: (a: string): string => {
      const x = type.read(a);
      if (x < 0n) throw new Error(`SQRT is undefined for negative value: SQRT(${shown(x)})`);
      return finish(root(widen(x, type) * ONE, 2n), type, `SQRT(${shown(x)})`);
    },
    cbrt: (a: string): string => {
      const x = type.read(a);
      const magnitude = root(widen(x < 0n ? -x : x, type) * ONE * ONE, 3n);
      return finish(x < 0n ? -magnitude : magnitude, type, `CBRT(${shown(x)})`);
    },
    exp: (a: string): string => {
      const x = type.read(a);
      const call = `EXP(${shown(x)})`;
      const wide = widen(x, type);
      if (wide > 100n * ONE) throw new Error(`${type.overflow} overflow: ${call}`);
      return finish(wide < -150n * ONE ? 0n : exponential(wide), type, call);
    },
    ln: (a: string): string => {
      const x = type.read(a);
      positive(x, 'LN');
      return finish(logarithm(widen(x, type)), type, 'LN');
    },
    log10: (a: string): string => {
      const x = type.read(a);
      positive(x, 'LOG10');
      return finish((logarithm(widen(x, type)) * ONE) / logarithm(10n * ONE), type, 'LOG10');
    },
    log: (a: string, b: string): string => {
      const [x, base] = [type.read(a), type.read(b)];
      const call = `LOG(${shown(x)}, ${shown(base)})`;
      if (x <= 0n || base <= 0n || widen(base, type) === ONE)
        throw new Error(`LOG is undefined for zero or negative value, or when base equals 1: ${call}`);
      return finish((logarithm(widen(x, type)) * ONE) / logarithm(widen(base, type)), type, call);
    },
    pow: (a: string, b: string): string => {
      const [x, y] = [type.read(a), type.read(b)];
      const call = `POW(${shown(x)}, ${shown(y)})`;
      return finish(power(x, y, type, call), type, call);
    },
  };
}

export const numericFunctions = functionsOf(NUMERIC);
export const bignumericFunctions = functionsOf(BIGNUMERIC);

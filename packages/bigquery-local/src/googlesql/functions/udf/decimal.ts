// NUMERIC arithmetic on text with exact integers: products, quotients and rounding, half away from zero.
// NUMERIC has 29 digits before the point and 9 after it.

const SCALE = 9;
const ONE = 10n ** BigInt(SCALE);
const LIMIT = 10n ** 38n;

/** Unscaled value (times 10^9) of plain decimal text as DuckDB writes it. */
function parse(text: string): bigint {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
  if (match === null) throw new Error(`Invalid NUMERIC value: ${text}`);
  const value = BigInt(`${match[2] === '' ? '0' : match[2]}${(match[3] ?? '').padEnd(SCALE, '0').slice(0, SCALE)}`);
  return match[1] === '-' ? -value : value;
}

/** Text with all nine digits, or an error when the value is out of NUMERIC's range. */
function write(value: bigint, overflow: string): string {
  if (value >= LIMIT || value <= -LIMIT) throw new Error(overflow);
  const digits = (value < 0n ? -value : value).toString().padStart(SCALE + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`;
}

function short(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const [a, b] = [dividend < 0n ? -dividend : dividend, divisor < 0n ? -divisor : divisor];
  const rounded = (2n * a + b) / (2n * b);
  return negative ? -rounded : rounded;
}

export function numericMultiply(a: string, b: string): string {
  return write(divideRounded(parse(a) * parse(b), ONE), `numeric overflow: ${short(a)} * ${short(b)}`);
}

export function numericDivide(a: string, b: string): string {
  const divisor = parse(b);
  if (divisor === 0n) throw new Error(`division by zero: ${short(a)} / ${short(b)}`);
  return write(divideRounded(parse(a) * ONE, divisor), `numeric overflow: ${short(a)} / ${short(b)}`);
}

export function numericDiv(a: string, b: string): string {
  const divisor = parse(b);
  if (divisor === 0n) throw new Error(`division by zero: ${short(a)} / ${short(b)}`);
  return write((parse(a) / divisor) * ONE, `numeric overflow: DIV(${short(a)}, ${short(b)})`);
}

export function numericMod(a: string, b: string): string {
  const divisor = parse(b);
  if (divisor === 0n) throw new Error(`division by zero: MOD(${short(a)}, ${short(b)})`);
  return write(parse(a) % divisor, 'numeric overflow');
}

/** Unit of rounding at `digits` after the point (before it when negative); undefined where rounding changes nothing. */
function unit(digits: string): bigint | undefined {
  const n = Number(digits);
  if (n >= SCALE) return undefined;
  return 10n ** BigInt(Math.min(SCALE - n, 60));
}

export function numericRound(a: string, digits: string): string {
  const step = unit(digits);
  return step === undefined
    ? a
    : write(divideRounded(parse(a), step) * step, `numeric overflow: ROUND(${short(a)}, ${digits})`);
}

/** ROUND with the mode ROUND_HALF_EVEN. */
export function numericRoundEven(a: string, digits: string): string {
  const step = unit(digits);
  if (step === undefined) return a;
  const value = parse(a);
  const quotient = divideRounded(value, step);
  const isHalf = (2n * (value < 0n ? -value : value)) % (2n * step) === step;
  const even = isHalf && quotient % 2n !== 0n ? quotient - (value < 0n ? -1n : 1n) : quotient;
  return write(even * step, `numeric overflow: ROUND(${short(a)}, ${digits})`);
}

export function numericTrunc(a: string, digits: string): string {
  const step = unit(digits);
  return step === undefined ? a : write((parse(a) / step) * step, 'numeric overflow');
}

/** PARSE_NUMERIC: spaces, a sign before or after the digits, commas and exponents. */
export function parseNumeric(text: string): string {
  const bad = (): never => {
    throw new Error(`Invalid input to PARSE_NUMERIC: "${text}"`);
  };
  const compact = text.trim().replaceAll(',', '');
  const match = /^([+-]?)\s*(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,4}))?\s*([+-]?)$/.exec(compact) ?? bad();
  if (match[1] !== '' && match[4] !== '') bad();
  const [whole = '', fraction = ''] = match[2]!.split('.');
  const exponent = Number(match[3] ?? 0) + SCALE - fraction.length;
  const digits = BigInt(whole + fraction);
  const value =
    exponent >= 0
      ? exponent > 80 && digits !== 0n
        ? LIMIT
        : digits * 10n ** BigInt(Math.min(exponent, 80))
      : divideRounded(digits, 10n ** BigInt(Math.min(-exponent, 400)));
  return write(match[1] === '-' || match[4] === '-' ? -value : value, `Invalid input to PARSE_NUMERIC: "${text}"`);
}

// ROUND and TRUNC of FLOAT64 to a number of digits, on the exact decimal value of the double.

/** The magnitude of a double as numerator and denominator. */
export function fraction(value: number): [bigint, bigint] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = bits & 0xfffffffffffffn;
  const whole = exponent === 0 ? mantissa : mantissa | (1n << 52n);
  const power = BigInt(Math.max(exponent, 1) - 1075);
  return power >= 0n ? [whole << power, 1n] : [whole, 1n << -power];
}

/** `value` times 10^digits as an integer, cut or rounded half away from zero, and back to a double. */
function atDigits(value: number, digits: number, rounded: boolean): number {
  const [numerator, denominator] = fraction(value);
  const scale = 10n ** BigInt(Math.abs(digits));
  const [n, d] = digits >= 0 ? [numerator * scale, denominator] : [numerator, denominator * scale];
  const quotient = rounded ? (2n * n + d) / (2n * d) : n / d;
  const magnitude = Number(`${quotient}e${-digits}`);
  return value < 0 ? -magnitude : magnitude;
}

/** The double at NUMERIC's nine digits, as plain decimal text; |value| < 10^29. */
export function floatNumeric(value: string): string {
  const [numerator, denominator] = fraction(Number(value));
  const scaled = (2n * numerator * 1_000_000_000n + denominator) / (2n * denominator);
  const digits = scaled.toString().padStart(10, '0');
  return `${Number(value) < 0 ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** `value` as DuckDB writes it, finite; `digits` between -310 and 330. */
export function floatRound(value: string, digits: string): string {
  const rounded = atDigits(Number(value), Number(digits), true);
  if (!Number.isFinite(rounded))
    throw new Error(`Floating point overflow in function: ROUND(${Number(value)}, ${-Number(digits)})`);
  return String(rounded);
}

export function floatTrunc(value: string, digits: string): string {
  return String(atDigits(Number(value), Number(digits), false));
}

// INTERVAL: its canonical text `Y-M D H:M:S.F` and ISO 8601 durations. DuckDB's INTERVAL has the same three parts
// (months, days, microseconds), compares and groups alike (30-day months, 24-hour days) and stores it as it is.
// Source: "Interval type" and "Conversion rules" of the GoogleSQL reference.

export type Interval = { readonly months: bigint; readonly days: bigint; readonly micros: bigint };

const MAX_MONTHS = 120_000n;
const MAX_DAYS = 3_660_000n;
const MAX_MICROS = 316_224_000_000_000_000n;

export function isInterval({ months, days, micros }: Interval): boolean {
  const within = (value: bigint, limit: bigint): boolean => value >= -limit && value <= limit;
  return within(months, MAX_MONTHS) && within(days, MAX_DAYS) && within(micros, MAX_MICROS);
}

const CANONICAL = /^([+-]?)(\d+)-(\d+) ([+-]?\d+) ([+-]?)(\d+):(\d+):(\d+)(?:\.(\d{1,9}))?$/;
const ISO =
  /^P(?=.)(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?=.)(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,9}))?S)?)?$/;

/** Undefined for text that is no interval, or one out of range. */
export function parseInterval(text: string): Interval | undefined {
  const parsed = canonical(text) ?? iso(text);
  return parsed !== undefined && isInterval(parsed) ? parsed : undefined;
}

function micros(seconds: string, fraction: string | undefined): bigint {
  return BigInt(seconds) * 1_000_000n + BigInt((fraction ?? '').padEnd(6, '0').slice(0, 6) || '0');
}

function canonical(text: string): Interval | undefined {
  const match = CANONICAL.exec(text);
  if (match === null) return undefined;
  const [, sign, years = '', months = '', days = '', clockSign, hours = '', minutes = '', seconds = '', fraction] =
    match;
  const all = BigInt(years) * 12n + BigInt(months);
  const clock = (BigInt(hours) * 60n + BigInt(minutes)) * 60_000_000n + micros(seconds, fraction);
  return {
    months: sign === '-' ? -all : all,
    days: BigInt(days.replace('+', '')),
    micros: clockSign === '-' ? -clock : clock,
  };
}

function iso(text: string): Interval | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [
    ,
    years = '0',
    months = '0',
    weeks = '0',
    days = '0',
    hours = '0',
    minutes = '0',
    sign,
    seconds = '0',
    fraction,
  ] = match;
  const tail = micros(seconds, fraction);
  return {
    months: BigInt(years) * 12n + BigInt(months),
    days: BigInt(weeks) * 7n + BigInt(days),
    micros: BigInt(hours) * 3_600_000_000n + BigInt(minutes) * 60_000_000n + (sign === '-' ? -tail : tail),
  };
}

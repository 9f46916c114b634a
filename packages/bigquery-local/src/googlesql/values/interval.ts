// INTERVAL: its canonical text `Y-M D H:M:S.F` and ISO 8601 durations. DuckDB's INTERVAL has the same three parts
// (months, days, microseconds), compares and groups alike (30-day months, 24-hour days) and stores it as it is.
// Source: "Interval type" and "Conversion rules" of the GoogleSQL reference.

export type Interval = { readonly months: bigint; readonly days: bigint; readonly micros: bigint };

/** Greatest magnitude of each part: 10,000 years. */
export const MAX_MONTHS = 120_000n;
export const MAX_DAYS = 3_660_000n;
export const MAX_MICROS = 316_224_000_000_000_000n;

export function isInterval({ months, days, micros }: Interval): boolean {
  const within = (value: bigint, limit: bigint): boolean => value >= -limit && value <= limit;
  return within(months, MAX_MONTHS) && within(days, MAX_DAYS) && within(micros, MAX_MICROS);
}

const MICROS = { H: 3_600_000_000n, M: 60_000_000n } as const;

/** Undefined for text that is no interval, or one out of range. */
export function parseInterval(text: string): Interval | undefined {
  const parsed = text.startsWith('P') ? iso(text) : canonical(text);
  return parsed !== undefined && isInterval(parsed) ? parsed : undefined;
}

function clockMicros(sign = '', hours = '0', minutes = '0', seconds = '0', fraction = ''): bigint {
  const whole = BigInt(hours) * MICROS.H + BigInt(minutes) * MICROS.M + BigInt(seconds) * 1_000_000n;
  const all = whole + BigInt(fraction.padEnd(6, '0').slice(0, 6) || '0');
  return sign === '-' ? -all : all;
}

function signed(text = '0'): bigint {
  return BigInt(text.replace('+', ''));
}

/** `Y-M[ D[ H[:M[:S]]]]`, `M D H[:M[:S]]`, `D H:M[:S]` or `H:M:S`; each part has a sign of its own. */
function canonical(text: string): Interval | undefined {
  const full = /^([+-]?)(\d+)-(\d+)(?: ([+-]?\d+)(?: ([+-]?)(\d+)(?::(\d+)(?::(\d+)(?:\.(\d{1,9}))?)?)?)?)?$/.exec(
    text,
  );
  if (full !== null) {
    const [, sign, years = '0', months = '0', days, ...clock] = full;
    const all = BigInt(years) * 12n + BigInt(months);
    return { months: sign === '-' ? -all : all, days: signed(days), micros: clockMicros(...clock) };
  }
  const short = /^(?:([+-]?\d+) )?(?:([+-]?\d+) )?([+-]?)(\d+)(?::(\d+)(?::(\d+)(?:\.(\d{1,9}))?)?)?$/.exec(text);
  if (short === null) return undefined;
  const [, first, second, ...clock] = short;
  const [, , minutes, seconds] = clock;
  // Without a part before it a time needs all of its own, with one of them minutes.
  const isComplete = second !== undefined || (first === undefined ? seconds !== undefined : minutes !== undefined);
  if (!isComplete) return undefined;
  const [months, days] = second === undefined ? [undefined, first] : [first, second];
  return { months: signed(months), days: signed(days), micros: clockMicros(...clock) };
}

/** ISO 8601: units in any order, each any number of times; only seconds have a fraction. */
function iso(text: string): Interval | undefined {
  const match = /^P((?:-?\d+[YMWD])*)(T((?:-?\d+[HM]|-?\d+(?:\.\d{1,9})?S)*))?$/.exec(text);
  if (match === null || (match[1] === '' && match[2] === undefined)) return undefined;
  let [months, days, micros] = [0n, 0n, 0n];
  for (const [, n = '0', unit] of match[1]!.matchAll(/(-?\d+)([YMWD])/g)) {
    if (unit === 'Y' || unit === 'M') months += BigInt(n) * (unit === 'Y' ? 12n : 1n);
    else days += BigInt(n) * (unit === 'W' ? 7n : 1n);
  }
  for (const [, sign, n, fraction, unit] of (match[3] ?? '').matchAll(/(-?)(\d+)(?:\.(\d+))?([HMS])/g)) {
    const [hours, minutes, seconds] = [unit === 'H' ? n : '0', unit === 'M' ? n : '0', unit === 'S' ? n : '0'];
    micros += clockMicros(sign, hours, minutes, seconds, fraction);
  }
  return { months, days, micros };
}

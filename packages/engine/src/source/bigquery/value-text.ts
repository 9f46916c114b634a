// BigQuery's REST text of dates, times, decimals and intervals, from the numbers that
// Arrow has for them. Pure; the hot path of reading through the Storage Read API.

const DAY_MICROS = 86_400_000_000n;

/** Days repeat from row to row: their texts are kept, up to this many. */
const MAX_KEPT_DAYS = 20_000;
const keptDays = new Map<number, string>();

const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

/** `2020-01-31` from days since 1970-01-01. */
export function dateText(days: number): string {
  const kept = keptDays.get(days);
  if (kept !== undefined) return kept;
  const date = new Date(days * 86_400_000);
  const text = `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`;
  if (keptDays.size < MAX_KEPT_DAYS) keptDays.set(days, text);
  return text;
}

/** `10:00:00` or `10:00:00.123456` from microseconds since midnight. */
export function timeText(micros: bigint): string {
  const total = Number(micros);
  const seconds = Math.floor(total / 1_000_000);
  const fraction = total % 1_000_000;
  const text = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 0 ? text : `${text}.${pad(fraction, 6)}`;
}

/** `2020-01-31T10:00:00[.123456]` from microseconds since 1970-01-01T00:00:00. */
export function datetimeText(micros: bigint): string {
  const ofDay = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
  return `${dateText(Number((micros - ofDay) / DAY_MICROS))}T${timeText(ofDay)}`;
}

/** ISO 8601 in UTC: milliseconds, or microseconds when there are any. */
export function timestampText(micros: bigint): string {
  const rest = Number(((micros % 1000n) + 1000n) % 1000n);
  const iso = new Date(Number((micros - BigInt(rest)) / 1000n)).toISOString();
  return rest === 0 ? iso : `${iso.slice(0, -1)}${pad(rest, 3)}Z`;
}

/** The same of a moment whose microseconds a double holds. */
export function timestampTextOf(micros: number): string {
  const day = Math.floor(micros / 86_400_000_000);
  const ofDay = micros - day * 86_400_000_000;
  const seconds = Math.floor(ofDay / 1_000_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const fraction = ofDay - seconds * 1_000_000;
  const tail = fraction % 1000 === 0 ? pad(fraction / 1000, 3) : pad(fraction, 6);
  return `${dateText(day)}T${TWO_DIGITS[hours]!}:${TWO_DIGITS[minutes - hours * 60]!}:${TWO_DIGITS[seconds - minutes * 60]!}.${tail}Z`;
}

/** A decimal without trailing zeros: unscaled 1500000000 of scale 9 is `1.5`. */
export function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const fraction = digits.slice(-scale).replace(/0+$/, '');
  return `${sign}${digits.slice(0, digits.length - scale)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** BigQuery's canonical form: `1-2 3 4:5:6.789`. */
export function intervalText(months: number, days: number, micros: bigint): string {
  const absoluteMonths = Math.abs(months);
  const absolute = micros < 0n ? -micros : micros;
  const seconds = absolute / 1_000_000n;
  const fraction = Number(absolute % 1_000_000n);
  const tail = fraction === 0 ? '' : `.${fraction % 1000 === 0 ? pad(fraction / 1000, 3) : pad(fraction, 6)}`;
  const clock = `${seconds / 3600n}:${(seconds / 60n) % 60n}:${seconds % 60n}${tail}`;
  return `${months < 0 ? '-' : ''}${Math.floor(absoluteMonths / 12)}-${absoluteMonths % 12} ${days} ${micros < 0n ? '-' : ''}${clock}`;
}

/** JSON numbers lack these three. */
export function floatValue(value: number): number | string {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value < 0 ? '-Infinity' : 'Infinity';
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0');
}

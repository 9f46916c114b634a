// GoogleSQL's text of dates, times, floats and decimals, in JavaScript, for the REST answers.

const DAY_MICROS = 86_400_000_000n;

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0');
}

/** Days repeat from row to row: their texts are kept, up to this many. */
const MAX_KEPT_DAYS = 20_000;
const keptDays = new Map<number, string>();

/** `2020-01-31` from days since 1970-01-01. */
export function dateText(days: number): string {
  const kept = keptDays.get(days);
  if (kept !== undefined) return kept;
  const text = newDateText(days);
  if (keptDays.size < MAX_KEPT_DAYS) keptDays.set(days, text);
  return text;
}

function newDateText(days: number): string {
  const date = new Date(days * 86_400_000);
  return `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`;
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

/**
 * Seconds since 1970 with their fraction as the REST API writes them for clients that did
 * not ask for int64: `1.577836800123456E9`. The digits are exact, not those of a double.
 */
export function timestampSecondsText(micros: bigint): string {
  if (micros === 0n) return '0.0';
  const sign = micros < 0n ? '-' : '';
  const digits = (micros < 0n ? -micros : micros).toString();
  return sign + scientificText(digits, digits.length - 7);
}

/** A double as Java writes it, which is the REST API's form: `1.0`, `0.001`, `1.0E7`, `NaN`, `-Infinity`. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Infinity' : 'Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  // In this range JavaScript writes the same digits without an exponent; only whole numbers lack the point.
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa = '', exponent = '0'] = magnitude.toExponential().split('e');
  return (value < 0 ? '-' : '') + scientificText(mantissa.replace('.', ''), Number(exponent));
}

/** `digits` with the point after the first one, times 10^exponent; plain between 10^-3 and 10^7. */
function scientificText(allDigits: string, exponent: number): string {
  const digits = allDigits.replace(/0+$/, '') || '0';
  if (exponent >= -3 && exponent < 7) {
    if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
    const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
    return `${whole}.${digits.slice(exponent + 1) || '0'}`;
  }
  return `${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
}

/** A pattern would look at every run of zeros in the text. */
export function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end -= 1;
  return digits.slice(0, end);
}

/** A decimal without trailing zeros: unscaled 1500000000 of scale 9 is `1.5`. */
export function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const fraction = scale === 0 ? '' : withoutTrailingZeros(digits.slice(-scale));
  return `${sign}${digits.slice(0, digits.length - scale)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** BigQuery's canonical form: `1-2 3 4:5:6.789`. */
export function intervalText(months: number, days: number, micros: bigint): string {
  const absoluteMonths = Math.abs(months);
  const absolute = micros < 0n ? -micros : micros;
  const seconds = absolute / 1_000_000n;
  const fraction = absolute % 1_000_000n;
  const tail =
    fraction === 0n ? '' : `.${fraction % 1000n === 0n ? pad(Number(fraction / 1000n), 3) : pad(Number(fraction), 6)}`;
  const clock = `${seconds / 3600n}:${(seconds / 60n) % 60n}:${seconds % 60n}${tail}`;
  return `${months < 0 ? '-' : ''}${Math.floor(absoluteMonths / 12)}-${absoluteMonths % 12} ${days} ${micros < 0n ? '-' : ''}${clock}`;
}

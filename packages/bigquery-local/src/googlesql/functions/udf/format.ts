// FORMAT: printf-like formatting of typed values. Values come as texts (null for NULL), their types as a list.
// Source: "FORMAT" of the GoogleSQL reference's string functions.

import { jsonPretty } from './json-edit.ts';

const MAX_WIDTH = 1_000_000;
const SPECIFIER = /%(?:%|([-+ #0']*)(\*|\d+)?(?:\.(\*|\d+)?)?(?<dot>)([A-Za-z]))/g;

type Spec = {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly type: string;
};
type Value = { readonly kind: string; readonly text: string };

/** The letter that takes each argument of a pattern, in order; `*` for a width or precision. */
export function formatSpecifiers(format: string): string[] {
  return [...format.matchAll(SPECIFIER)].flatMap(([whole, , width, precision, , type]) =>
    whole === '%%' ? [] : [...(width === '*' ? ['*'] : []), ...(precision === '*' ? ['*'] : []), type!],
  );
}

/**
 * NULL as soon as one argument is, save for %t and %T, which write `NULL`. `form`: `done` where the texts of %T are
 * literals already, `plain` where they are still plain.
 */
export function formatValues(
  format: string,
  kinds: string,
  form: string,
  texts: readonly (string | null)[],
): string | null {
  const types = kinds === '' ? [] : kinds.split(',');
  let next = 0;
  let isNull = false;
  const take = (): { kind: string; text: string | null } => {
    if (next >= texts.length) throw new Error(`Too few arguments to FORMAT for pattern "${format.slice(0, 200)}"`);
    return { kind: types[next]!, text: texts[next++]! };
  };
  const number = (source: string | undefined): number | undefined => {
    if (source !== '*') return source === undefined ? undefined : Number(source);
    const { kind, text } = take();
    if (kind !== 'INT64') throw new Error(`Invalid type for argument of FORMAT; Expected INT64; Got ${kind}`);
    if (text === null) isNull = true;
    return Number(text ?? 0);
  };
  const result = format.replaceAll(
    SPECIFIER,
    (
      whole: string,
      flags: string | undefined,
      width: string | undefined,
      precision: string | undefined,
      _dot: string,
      type: string | undefined,
    ) => {
      if (whole === '%%') return '%';
      const size = number(width) ?? 0;
      const digits = whole.includes('.') ? (number(precision) ?? 0) : undefined;
      if (Math.abs(size) > MAX_WIDTH || (digits ?? 0) > MAX_WIDTH)
        throw new Error('Width and precision in FORMAT are limited to 1000000');
      const spec: Spec = {
        flags: `${flags ?? ''}${size < 0 ? '-' : ''}`,
        width: Math.abs(size),
        precision: digits !== undefined && digits < 0 ? undefined : digits,
        type: type!,
      };
      const { kind, text } = take();
      if (text === null) {
        if (type === 't' || type === 'T') return pad('NULL', spec);
        isNull = true;
        return '';
      }
      return write({ kind, text }, form === 'plain' && spec.type === 'T' ? { ...spec, type: 'L' } : spec);
    },
  );
  if (/%/.test(format.replaceAll(SPECIFIER, ''))) throw new Error(`Invalid FORMAT string: "${format.slice(0, 200)}"`);
  if (next < texts.length)
    throw new Error(
      `Too many arguments to FORMAT for pattern "${format.slice(0, 200)}"; Expected ${next + 1}; Got ${texts.length + 1}`,
    );
  return isNull ? null : result;
}

function write(value: Value, spec: Spec): string {
  switch (spec.type) {
    case 'd':
    case 'i':
      return integer(value, spec, (n) => n.toString());
    case 'o':
      return integer(value, spec, (n) => `${spec.flags.includes('#') ? '0' : ''}${n.toString(8)}`);
    case 'x':
      return integer(value, spec, (n) => `${spec.flags.includes('#') ? '0x' : ''}${n.toString(16)}`);
    case 'X':
      return integer(value, spec, (n) => `${spec.flags.includes('#') ? '0X' : ''}${n.toString(16).toUpperCase()}`);
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      return floating(value, spec);
    case 's':
      wanted(value, 'STRING', 'BYTES');
      return pad(cut(value.text, spec), spec);
    case 't':
    case 'T':
      return pad(cut(value.text, spec), spec);
    case 'L':
      return pad(cut(formatLiteral(value.kind, value.text), spec), spec);
    case 'p':
    case 'P':
      wanted(value, 'JSON');
      return pad(spec.type === 'P' ? jsonPretty(value.text) : value.text, spec);
    default:
      throw new Error(`The FORMAT specifier %${spec.type} is not supported by the local BigQuery`);
  }
}

function wanted(value: Value, ...kinds: string[]): void {
  if (!kinds.includes(value.kind))
    throw new Error(`Invalid type for argument of FORMAT; Expected ${kinds.join(' or ')}; Got ${value.kind}`);
}

function cut(text: string, { precision }: Spec): string {
  return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
}

function pad(text: string, spec: Spec): string {
  const length = Array.from(text).length;
  if (length >= spec.width) return text;
  const filling = ' '.repeat(spec.width - length);
  return spec.flags.includes('-') ? text + filling : filling + text;
}

/** Thousands apart by commas, octal ones in fours, hexadecimal ones in fours by colons. */
function groupedDigits(digits: string, type: string): string {
  if (/[xXo]/.test(type)) return digits.replaceAll(/\B(?=([0-9a-fA-F]{4})+$)/g, type === 'o' ? ',' : ':');
  return digits.replace(/^\d+/, (whole) => whole.replaceAll(/\B(?=(\d{3})+$)/g, ','));
}

/** Sign, digits and zeros to the width. */
function numeric(negative: boolean, digits: string, spec: Spec, zeros: boolean): string {
  const sign = negative ? '-' : spec.flags.includes('+') ? '+' : spec.flags.includes(' ') ? ' ' : '';
  const grouped = spec.flags.includes("'") ? groupedDigits(digits, spec.type) : digits;
  if (zeros && spec.flags.includes('0') && !spec.flags.includes('-'))
    return sign + grouped.padStart(spec.width - sign.length, '0');
  return pad(sign + grouped, spec);
}

function integer(value: Value, spec: Spec, digits: (n: bigint) => string): string {
  wanted(value, 'INT64');
  const n = BigInt(value.text);
  const text = digits(n < 0n ? -n : n);
  return numeric(
    n < 0n,
    spec.precision === undefined ? text : text.padStart(spec.precision, '0'),
    spec,
    spec.precision === undefined,
  );
}

function floating(value: Value, spec: Spec): string {
  wanted(value, 'FLOAT64', 'NUMERIC', 'BIGNUMERIC');
  const upper = spec.type === spec.type.toUpperCase();
  const precision = spec.precision ?? 6;
  if (value.kind.endsWith('NUMERIC') && spec.type.toLowerCase() === 'f') {
    const { negative, digits } = decimalFixed(value.text, precision);
    return numeric(negative, withPoint(digits, spec), spec, true);
  }
  const n =
    value.text === 'nan'
      ? Number.NaN
      : value.text === 'inf'
        ? Infinity
        : value.text === '-inf'
          ? -Infinity
          : Number(value.text);
  const negative = n < 0;
  if (!Number.isFinite(n)) {
    const word = Number.isNaN(n) ? 'nan' : 'inf';
    return numeric(negative, upper ? word.toUpperCase() : word, spec, false);
  }
  const magnitude = Math.abs(n);
  const lower = spec.type.toLowerCase();
  const text =
    lower === 'f'
      ? fixed(magnitude, precision)
      : lower === 'e'
        ? exponential(magnitude, precision)
        : general(magnitude, precision, spec.flags.includes('#'));
  const shown = lower === 'f' ? withPoint(text, spec) : text;
  return numeric(negative, upper ? shown.toUpperCase() : shown, spec, true);
}

/** `#` keeps the point without digits behind it. */
function withPoint(digits: string, spec: Spec): string {
  return spec.flags.includes('#') && !digits.includes('.') ? `${digits}.` : digits;
}

function fixed(n: number, precision: number): string {
  const shown = Math.min(precision, 100);
  const text =
    n < 1e21
      ? halfToEven(n.toFixed(shown), n.toFixed(100), shown)
      : `${BigInt(n)}${shown === 0 ? '' : `.${'0'.repeat(shown)}`}`;
  return text + '0'.repeat(precision - shown);
}

/** JavaScript rounds an exact half up, C to the even digit. `exact` has all digits of the number. */
function halfToEven(rounded: string, exact: string, precision: number): string {
  const point = exact.indexOf('.');
  const rest = exact.slice(point + 1 + precision);
  if (!/^50*$/.test(rest)) return rounded;
  const down = precision === 0 ? exact.slice(0, point) : exact.slice(0, point + 1 + precision);
  return '02468'.includes(down.at(-1)!) ? down : rounded;
}

function exponential(n: number, precision: number): string {
  const shown = Math.min(precision, 100);
  const [digits = '', exponent = ''] = n.toExponential(shown).split('e');
  const [exact = '', exactExponent = ''] = n.toExponential(100).split('e');
  const mantissa = exponent === exactExponent ? halfToEven(digits, exact, shown) : digits;
  return `${mantissa}e${exponent}`.replace(/e([+-])(\d)$/, 'e$10$2');
}

function general(n: number, requested: number, keepZeros: boolean): string {
  const precision = Math.min(Math.max(requested, 1), 100);
  const exponent = n === 0 ? 0 : Number(n.toExponential(precision - 1).split('e')[1]);
  const text =
    exponent < -4 || exponent >= precision ? exponential(n, precision - 1) : fixed(n, precision - 1 - exponent);
  return keepZeros || !text.includes('.') ? text : text.replace(/\.?0+(e|$)/, '$1');
}

function decimalFixed(text: string, precision: number): { negative: boolean; digits: string } {
  const negative = text.startsWith('-');
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  if (fraction.length <= precision)
    return { negative, digits: `${whole}${precision === 0 ? '' : `.${fraction.padEnd(precision, '0')}`}` };
  const scaled = (BigInt(whole + fraction.slice(0, precision)) + (fraction[precision]! >= '5' ? 1n : 0n))
    .toString()
    .padStart(precision + 1, '0');
  return { negative, digits: precision === 0 ? scaled : `${scaled.slice(0, -precision)}.${scaled.slice(-precision)}` };
}

/** The value as GoogleSQL would write it in a query. */
export function formatLiteral(kind: string, text: string): string {
  switch (kind) {
    case 'STRING':
      return quoted(text);
    case 'FLOAT64':
      if (/^-?(nan|inf)$/.test(text)) return `CAST("${text}" AS FLOAT64)`;
      return /[.e]/.test(text) ? text : `${text}.0`;
    case 'INT64':
    case 'BOOL':
      return text;
    case 'INTERVAL':
      return `INTERVAL "${text}" YEAR TO SECOND`;
    case 'JSON':
      return `JSON ${quoted(text)}`;
    default:
      return `${kind} "${text}"`;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  const quote = text.includes('"') && !text.includes("'") ? "'" : '"';
  const escaped = text.replaceAll(
    /[\\\n\r\t]|\p{Cc}/gu,
    (c) => ESCAPES[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `${quote}${quote === '"' ? escaped.replaceAll('"', '\\"') : escaped}${quote}`;
}
